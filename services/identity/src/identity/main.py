"""identity's HTTP door."""

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from chassis import app
from identity.api import (
    admin_users,
    api_keys,
    auth,
    factors,
    gateway,
    invitations,
    oidc,
    platform_settings,
    recovery,
    sessions,
    users,
)
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
            factors.router,
            oidc.router,
            api_keys.router,
            invitations.router,
            # Behind those whose paths a user's id would take: /users/me, /users/invitations.
            admin_users.router,
            platform_settings.router,
            gateway.router,
        ],
        access=wired.access,
        wired=wired,
        database=wired.database,
        registry=registry,
    )
