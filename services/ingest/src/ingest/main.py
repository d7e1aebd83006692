"""ingest's HTTP door. Parsing and embedding happen behind the other one, in a process of its own."""

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from chassis import app
from ingest.api import bulk, documents, downloads, quotas, shelves, uploads, vectors
from ingest.config import Settings
from ingest.factory import wire


def create_app(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> FastAPI:
    settings = settings or Settings()
    wired = wire(settings)

    return app.create_app(
        service="ingest",
        title="GrowFit ingest",
        # Their paths below /documents come before the one that takes any name for an id.
        routers=[
            *(quotas.router, bulk.router, downloads.router, uploads.router, shelves.router, documents.router),
            vectors.router,
        ],
        access=wired.access,
        wired=wired,
        database=wired.database,
        registry=registry,
        needs=[wired.indexes.ping],
        open_=[wired.indexes.open],
        close=[wired.indexes.close],
    )
