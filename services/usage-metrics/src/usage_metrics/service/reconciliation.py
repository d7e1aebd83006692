"""The operator's check that the read model says what the ledger says."""

from datetime import date
from typing import Any

from chassis import audit, tenant
from chassis.database import Database
from usage_metrics.crud import reconciliation
from usage_metrics.service.periods import month_of


class ReconciliationService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def differences(self, month: date | None = None) -> list[dict[str, Any]]:
        """Ledger minus read model, group by group; empty when they agree. Without `month`, everything."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            await reconciliation.lift_time_limit(session)
            return await reconciliation.list_differences(session, month_of(month) if month else None)

    async def rebuild(self, month: date | None = None) -> int:
        """Make the read model anew, of one month or whole. Returns its number of lines."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            await reconciliation.lift_time_limit(session)
            lines = await reconciliation.rebuild(session, month_of(month) if month else None)
            shown = f"{month:%Y-%m}" if month else "all"
            await audit.record(session, "read_model.rebuilt", actor=None, month=shown, lines=lines)
            return lines
