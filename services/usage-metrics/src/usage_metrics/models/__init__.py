"""usage-metrics' tables. Importing this package knows them all, which migrations need."""

from usage_metrics.models.audit_events import AuditEvent
from usage_metrics.models.audit_origins import AuditOrigin
from usage_metrics.models.base import ACCESS, LEDGER_SCHEMA, LOG_SCHEMA, PLUMBING, SCHEMA, TENANCY, Base
from usage_metrics.models.erased_users import ErasedUser
from usage_metrics.models.places import Place
from usage_metrics.models.usage_daily import KEYS, SUMS, UsageDaily
from usage_metrics.models.usage_events import UsageEvent

__all__ = [
    "ACCESS",
    "KEYS",
    "LEDGER_SCHEMA",
    "LOG_SCHEMA",
    "PLUMBING",
    "SCHEMA",
    "SUMS",
    "TENANCY",
    "AuditEvent",
    "AuditOrigin",
    "Base",
    "ErasedUser",
    "Place",
    "UsageDaily",
    "UsageEvent",
]
