"""usage-metrics' HTTP door."""

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from chassis import app
from usage_metrics.api import audit_events, usage
from usage_metrics.config import Settings
from usage_metrics.factory import wire


def create_app(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> FastAPI:
    settings = settings or Settings()
    wired = wire(settings)

    return app.create_app(
        service="usage_metrics",
        title="GrowFit usage-metrics",
        routers=[usage.router, audit_events.router],
        access=wired.access,
        wired=wired,
        database=wired.database,
        registry=registry,
    )
