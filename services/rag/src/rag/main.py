"""rag's HTTP door."""

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from chassis import app
from rag.api import conversations, messages, search
from rag.config import Settings
from rag.factory import wire


def create_app(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> FastAPI:
    settings = settings or Settings()
    wired = wire(settings)

    async def database() -> list[str]:
        await wired.database.ping()
        return []

    return app.create_app(
        service="rag",
        title="GrowFit rag",
        routers=[search.router, conversations.router, messages.router],
        verifier=wired.verifier,
        wired=wired,
        registry=registry or CollectorRegistry(),
        checks=[database],
        open_=[wired.index.open],
        close=[wired.index.close, wired.database.close],
    )
