"""Books every model call exactly once."""

import logging
from uuid import UUID

from chassis import tenant
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.errors import Invalid
from contracts.usage import ModelUsage
from usage_metrics.crud import usage_events
from usage_metrics.errors import TOKENS_IMPLAUSIBLE
from usage_metrics.service import places

log = logging.getLogger(__name__)

# A publisher's slip beyond this would overflow the sums, and with them everybody's summary.
MAX_TOKENS = 2**40


class LedgerService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, usage: ModelUsage, *, event_id: UUID, once: Delivery) -> None:
        """The line, its day in the read model and the inbox mark commit together.

        Raises:
            Invalid: no model call has that many tokens, or its class, partner and org do not belong together; it goes
                to the dead letters, where an operator sees it.
            Unavailable: they do not belong together as far as is known by now.
        """
        tokens = max(usage.input_tokens, usage.output_tokens)
        if tokens > MAX_TOKENS:
            raise Invalid(TOKENS_IMPLAUSIBLE, tokens=tokens)
        facts = usage.model_dump(exclude={"tenant", "operation", "outcome"})
        whose = usage.tenant
        async with self._database.transaction(tenant.PLATFORM) as session:
            await places.check(session, (whose.class_id, whose.partner_id, whose.org_id), once=once)
        async with self._database.transaction(tenant.of_tenant(whose), once=once) as session:
            added = await usage_events.add(
                session,
                event_id=event_id,
                operation=usage.operation.value,
                outcome=usage.outcome.value,
                **whose.model_dump(),
                **facts,
            )
        if not added:
            log.warning("usage %s is in the ledger already; event %s adds nothing", usage.usage_id, event_id)
