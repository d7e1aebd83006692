"""usage-metrics' tables. Importing this package knows them all, which migrations need."""

from usage_metrics.models.base import ACCESS, LEDGER_SCHEMA, PLUMBING, SCHEMA, TENANCY, Base
from usage_metrics.models.usage_daily import KEYS, SUMS, UsageDaily
from usage_metrics.models.usage_events import UsageEvent

__all__ = [
    "ACCESS",
    "KEYS",
    "LEDGER_SCHEMA",
    "PLUMBING",
    "SCHEMA",
    "SUMS",
    "TENANCY",
    "Base",
    "UsageDaily",
    "UsageEvent",
]
