"""rag's HTTP door."""

import asyncio

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from chassis import app
from rag.api import agents, conversations, messages, projects, search
from rag.config import Settings
from rag.factory import wire


def create_app(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> FastAPI:
    settings = settings or Settings()
    registry = registry or CollectorRegistry()
    wired = wire(settings, registry=registry)

    async def warm_up() -> None:
        # Loading the morphemes takes a second, which the first question should not wait for.
        asyncio.get_running_loop().run_in_executor(None, wired.readers.own.store.analyser.terms, "준비")

    return app.create_app(
        service="rag",
        title="GrowFit rag",
        routers=[search.router, projects.router, agents.router, conversations.router, messages.router],
        access=wired.access,
        wired=wired,
        database=wired.database,
        registry=registry,
        needs=[wired.reads.ping],
        open_=[wired.shadows.open, warm_up],
        close=[
            wired.answers.close,
            wired.shadows.close,
            wired.readers.close,
            *([wired.reranker.close] if wired.reranker else []),
        ],
    )
