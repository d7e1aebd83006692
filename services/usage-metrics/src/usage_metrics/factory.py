"""The one place where services meet what they stand on."""

from dataclasses import dataclass

from chassis.access import Access, projected_access
from chassis.database import Database
from usage_metrics.config import Settings
from usage_metrics.models import ACCESS, PLUMBING
from usage_metrics.service.audit_events import AuditService
from usage_metrics.service.erasure import ErasureService
from usage_metrics.service.ledger import LedgerService
from usage_metrics.service.partitions import PartitionService
from usage_metrics.service.reconciliation import ReconciliationService
from usage_metrics.service.tenancy import TenancyService
from usage_metrics.service.usage import UsageService


@dataclass(frozen=True)
class Wired:
    database: Database
    ledger: LedgerService
    tenancy: TenancyService
    usage: UsageService
    partitions: PartitionService
    reconciliation: ReconciliationService
    audit: AuditService
    erasure: ErasureService
    access: Access


def wire(settings: Settings) -> Wired:
    database = Database(settings.database_url, PLUMBING, pool_size=settings.database_pool_size)
    return Wired(
        database=database,
        ledger=LedgerService(database),
        tenancy=TenancyService(database),
        usage=UsageService(database),
        partitions=PartitionService(database),
        reconciliation=ReconciliationService(database),
        audit=AuditService(database),
        erasure=ErasureService(database),
        access=projected_access(settings, database, ACCESS),
    )
