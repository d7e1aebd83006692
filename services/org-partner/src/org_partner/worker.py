"""org-partner's message door: it keeps identity's users in mind and publishes what happens to tenants."""

from prometheus_client import CollectorRegistry

from chassis.worker import Worker
from org_partner.config import Settings
from org_partner.events import answers, documents, users
from org_partner.factory import wire
from org_partner.models import ACCESS


def create_worker(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> Worker:
    settings = settings or Settings()
    wired = wire(settings)
    worker = Worker(
        service="org_partner",
        settings=settings,
        database=wired.database,
        registry=registry or CollectorRegistry(),
        follows=ACCESS.platform,
    )
    users.subscribe(worker, wired)
    documents.subscribe(worker, wired)
    answers.subscribe(worker, wired)
    worker.background(wired.mails.run)
    worker.background(wired.periods.run)
    return worker
