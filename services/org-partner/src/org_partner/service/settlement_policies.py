"""How an org settles with its partners: decided for days to come, and never changed for days that were."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox, tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Conflict, Invalid, NotFound
from chassis.ids import new_id
from chassis.paging import Slice
from contracts.org_partner import SettlementPolicyAdopted, SettlementPolicyWithdrawn, SettlementTier
from org_partner.crud import settlement_policies
from org_partner.crud.scopes import OrgScope
from org_partner.errors import (
    POLICY_DAY_TAKEN,
    POLICY_IN_EFFECT,
    POLICY_NOT_FOUND,
    POLICY_TOO_EARLY,
    PREVIEW_OF_ONE,
    TIERS_NOT_ASCENDING,
)
from org_partner.models import SettlementPolicy
from org_partner.service import acts, days, permission
from org_partner.service.settlement import Kind, Rounding, Terms, Tier, are_ascending, settle


@dataclass(frozen=True, slots=True)
class Due:
    """What a partner is due, in minor units of the currency."""

    amount: int
    currency: str


class SettlementPolicyService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def adopt(self, caller: Principal, org_id: UUID, terms: Terms, *, effective_from: date) -> SettlementPolicy:
        """`effective_from`: a day in Asia/Seoul, tomorrow at the earliest.

        Raises:
            NotFound: no such org for the caller.
            Forbidden: the caller does not administer the org.
            Invalid: the day is not to come, or the tiers do not ascend.
            Conflict: another policy begins on that day.
        """
        _check_tiers(terms)
        starts = days.midnight(effective_from)
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            await settlement_policies.lock(session, scope)
            # After the lock: midnight may pass while somebody else is waited for.
            if starts <= now():
                raise Invalid(POLICY_TOO_EARLY, earliest=days.today() + timedelta(days=1))
            if await settlement_policies.is_day_taken(session, scope, starts):
                raise Conflict(POLICY_DAY_TAKEN, effective_from=effective_from)
            policy = await settlement_policies.add(
                session,
                scope,
                policy_id=new_id(),
                kind=terms.kind,
                share_bps=terms.share_bps,
                fixed_fee=terms.fixed_fee,
                tiers=[asdict(tier) for tier in terms.tiers],
                minimum_amount=terms.minimum_amount,
                currency=terms.currency,
                rounding=terms.rounding,
                effective_from=starts,
                adopted_by=caller.user_id,
            )
            await outbox.add(session, _adopted(policy, terms))
            await _record(session, caller, "settlement_policy.adopted", scope, policy)
        return policy

    async def withdraw(self, caller: Principal, org_id: UUID, policy_id: UUID) -> SettlementPolicy:
        """Take back a policy whose day has not come. Again: nothing changes.

        Raises:
            NotFound: no such org for the caller, or no such policy of it.
            Forbidden: the caller does not administer the org.
            Conflict: its day has come.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            withdrawn = await settlement_policies.update_withdrawn(session, scope, policy_id, by=caller.user_id)
            policy = await _found(session, scope, policy_id)
            if policy.withdrawn_at is None:
                raise Conflict(POLICY_IN_EFFECT)
            if withdrawn:
                event = SettlementPolicyWithdrawn(
                    policy_id=policy.policy_id,
                    org_id=policy.org_id,
                    version=policy.version,
                    withdrawn_at=policy.withdrawn_at,
                )
                await outbox.add(session, event)
                await _record(session, caller, "settlement_policy.withdrawn", scope, policy)
        return policy

    async def list_for_org(
        self,
        caller: Principal,
        org_id: UUID,
        page: Slice,
        *,
        state: str | None = None,
        effective_at: date | None = None,
    ) -> Sequence[SettlementPolicy]:
        """`effective_at`: the one that holds on that day, alone.

        Raises:
            NotFound: no such org for the caller.
            Forbidden: the caller does not administer the org.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            if effective_at is None:
                return await settlement_policies.list_for_org(session, scope, page, state=state)
            found = await settlement_policies.get_effective(session, scope, days.midnight(effective_at))
            is_wanted = found is not None and state in (None, found.state) and page.after is None
            return [found] if found is not None and is_wanted else []

    async def get(self, caller: Principal, org_id: UUID, policy_id: UUID) -> SettlementPolicy:
        """
        Raises:
            NotFound: no such org for the caller, or no such policy of it.
            Forbidden: the caller does not administer the org.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            return await _found(session, scope, policy_id)

    async def get_effective(self, caller: Principal, org_id: UUID, *, at: date | None = None) -> SettlementPolicy:
        """The one that holds on that day, or now. For partners' owners too.

        Raises:
            NotFound: no such org for the caller, or no policy holds then.
            Forbidden: the caller neither administers the org nor owns a partner of it.
        """
        moment = now() if at is None else days.midnight(at)
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.OWN)
            policy = await settlement_policies.get_effective(session, scope, moment)
            if policy is None:
                raise NotFound(POLICY_NOT_FOUND)
            return policy

    async def preview(
        self, caller: Principal, org_id: UUID, *, revenue: int, terms: Terms | None, policy_id: UUID | None
    ) -> Due:
        """By a policy of the org, or by terms that nobody has adopted.

        Raises:
            NotFound: no such org for the caller, or no such policy of it.
            Forbidden: the caller does not administer the org.
            Invalid: both or neither of them, or tiers that do not ascend.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            if (terms is None) == (policy_id is None):
                raise Invalid(PREVIEW_OF_ONE)
            if policy_id is not None:
                terms = terms_of(await _found(session, scope, policy_id))
        assert terms is not None  # noqa: S101  one of the two was given
        _check_tiers(terms)
        return Due(settle(terms, revenue), terms.currency)


def terms_of(policy: SettlementPolicy) -> Terms:
    return Terms(
        kind=cast(Kind, policy.kind),
        share_bps=policy.share_bps,
        fixed_fee=policy.fixed_fee,
        tiers=tuple(Tier(**tier) for tier in policy.tiers),
        minimum_amount=policy.minimum_amount,
        currency=policy.currency,
        rounding=cast(Rounding, policy.rounding),
    )


def _check_tiers(terms: Terms) -> None:
    if not are_ascending(terms.tiers):
        raise Invalid(TIERS_NOT_ASCENDING)


async def _found(session: AsyncSession, scope: OrgScope, policy_id: UUID) -> SettlementPolicy:
    policy = await settlement_policies.get(session, scope, policy_id)
    if policy is None:
        raise NotFound(POLICY_NOT_FOUND)
    return policy


def _adopted(policy: SettlementPolicy, terms: Terms) -> SettlementPolicyAdopted:
    return SettlementPolicyAdopted(
        policy_id=policy.policy_id,
        org_id=policy.org_id,
        kind=terms.kind,
        share_bps=policy.share_bps,
        fixed_fee=policy.fixed_fee,
        tiers=[SettlementTier(**asdict(tier)) for tier in terms.tiers],
        minimum_amount=policy.minimum_amount,
        currency=policy.currency,
        rounding=terms.rounding,
        effective_from=policy.effective_from,
        version=policy.version,
        adopted_at=policy.adopted_at,
    )


async def _record(
    session: AsyncSession, caller: Principal, action: str, scope: OrgScope, policy: SettlementPolicy
) -> None:
    await acts.record(
        session,
        caller,
        action,
        scope,
        target=f"settlement_policy/{policy.policy_id}",
        version=policy.version,
        kind=policy.kind,
        effective_from=days.day_of(policy.effective_from).isoformat(),
    )
