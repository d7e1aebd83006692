"""identity's HTTP door."""

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from chassis import app
from identity.api import auth, gateway, invitations, recovery, sessions, users
from identity.config import Settings
from identity.factory import wire


def create_app(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> FastAPI:
    settings = settings or Settings()
    wired = wire(settings)

    return app.create_app(
        service="identity",
        title="GrowFit identity",
        routers=[
            auth.router,
            recovery.router,
            users.router,
            sessions.router,
            invitations.router,
            gateway.router,
        ],
        access=wired.access,
        wired=wired,
        database=wired.database,
        registry=registry,
    )
