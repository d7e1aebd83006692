from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, and_, delete, func, or_, select, type_coerce, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import InvitationScope, OrgScope, OwnScope, PartnerScope, place_of
from org_partner.models import Invitation

Scope = OrgScope | PartnerScope


@dataclass(frozen=True, slots=True)
class Filter:
    """`text`: a part of the address."""

    state: str | None = None
    partner_id: UUID | None = None
    text: str | None = None


_UNDECIDED = (Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))


async def add(
    session: AsyncSession, scope: Scope, *, invitation_id: UUID, lifetime: timedelta, **values: Any
) -> Invitation | None:
    """None: the address has one for this place already."""
    place = place_of(scope)
    statement = insert(Invitation).values(
        invitation_id=invitation_id,
        org_id=place["org_id"],
        partner_id=place["partner_id"],
        expires_at=func.now() + lifetime,
        **values,
    )
    statement = statement.on_conflict_do_nothing(
        index_elements=[Invitation.org_id, Invitation.partner_id, Invitation.email],
        index_where=_UNDECIDED[0] & _UNDECIDED[1],
    )
    return await _returned(session, scope, statement.returning(Invitation))


async def find(session: AsyncSession, scope: Scope, invitation_id: UUID) -> Invitation | None:
    """One for the org or any of its partners, or for the partner; locked, for it is to change."""
    query = select(Invitation).where(Invitation.invitation_id == invitation_id, _inside(scope)).with_for_update()
    return (await session.execute(query)).scalar_one_or_none()


async def get_wait(session: AsyncSession, scope: Scope, invitation_id: UUID, *, pause: timedelta) -> timedelta | None:
    """How long until its next letter may be written, `pause` after the latest one; None: now."""
    left = type_coerce(Invitation.sent_at + pause - func.clock_timestamp(), Interval)
    query = select(left).where(Invitation.invitation_id == invitation_id, _inside(scope))
    return (await session.execute(query.where(left > timedelta()))).scalar_one_or_none()


async def list_for_scope(session: AsyncSession, scope: Scope, page: Slice, wanted: Filter) -> Sequence[Invitation]:
    query = select(Invitation).where(_inside(scope))
    if wanted.state is not None:
        query = query.where(Invitation.state == wanted.state)
    if wanted.partner_id is not None:
        query = query.where(Invitation.partner_id == wanted.partner_id)
    if wanted.text is not None:
        query = query.where(Invitation.email.icontains(wanted.text, autoescape=True))
    query = paging.apply(query, page, at=Invitation.created_at, key=Invitation.invitation_id)
    return (await session.execute(query)).scalars().all()


async def update_revoked(session: AsyncSession, scope: Scope, invitation_id: UUID) -> Invitation | None:
    """None: it was accepted or revoked before."""
    statement = update(Invitation).where(Invitation.invitation_id == invitation_id, *_UNDECIDED, _inside(scope))
    values = {"revoked_at": func.now(), "version": Invitation.version + 1}
    return await _returned(session, scope, statement.values(values).returning(Invitation))


async def update_moved(session: AsyncSession, scope: PartnerScope) -> Sequence[Invitation]:
    """After the partner moved: those that can still be accepted there, each with its next version."""
    statement = update(Invitation).where(*_UNDECIDED, _inside(scope)).values(version=Invitation.version + 1)
    statement = statement.returning(Invitation).execution_options(populate_existing=True)
    return (await session.execute(statement)).scalars().all()


async def lock_pending_of(
    session: AsyncSession, scope: Scope, *, user_id: UUID, email: str | None, partner_id: UUID | None
) -> Sequence[Invitation]:
    """What the user sent to the partner, or without one to the org and any of its partners; and what was sent to the
    address for that very partner, or for the org itself. In one order for all.
    """
    sent = [Invitation.invited_by == user_id]
    if partner_id is not None:
        sent.append(Invitation.partner_id == partner_id)
    got = [Invitation.email == email, Invitation.partner_id.is_not_distinct_from(partner_id)]
    query = select(Invitation).where(Invitation.state == "pending", _inside(scope))
    query = query.where(or_(and_(*sent), and_(*got)) if email is not None else and_(*sent))
    return (await session.execute(query.order_by(Invitation.invitation_id).with_for_update())).scalars().all()


async def update_sent(
    session: AsyncSession, scope: Scope, invitation_id: UUID, *, by: UUID, token_hash: bytes, lifetime: timedelta
) -> Invitation | None:
    """With a new token, which is good for another `lifetime`; the one before is worth nothing. `by`: who offers it now.

    None: it was accepted or revoked before.
    """
    statement = update(Invitation).where(Invitation.invitation_id == invitation_id, *_UNDECIDED, _inside(scope))
    values = {
        "token_hash": token_hash,
        "invited_by": by,
        "sent_at": func.now(),
        "expires_at": func.now() + lifetime,
        "version": Invitation.version + 1,
    }
    return await _returned(session, scope, statement.values(values).returning(Invitation))


async def update_accepted(session: AsyncSession, scope: InvitationScope, *, email: str) -> Invitation | None:
    """Conditions and mark are one statement, so of many at once one gets it.

    None: it is another's, expired, used or revoked.
    """
    statement = (
        update(Invitation)
        .where(Invitation.invitation_id == scope.invitation_id, Invitation.email == email)
        .where(Invitation.expires_at > func.now(), *_UNDECIDED)
        .values(accepted_at=func.now(), accepted_by=scope.user_id)
        .returning(Invitation)
    )
    return await _returned(session, scope, statement)


async def delete_of_user(session: AsyncSession, scope: OwnScope, *, email: str | None) -> Sequence[Invitation]:
    """What they accepted, what is still open of what they sent, and all to the address; as they were.

    `email`: an address that is the user's own, as they have shown.
    """
    theirs = [Invitation.accepted_by == scope.user_id]
    theirs.append((Invitation.invited_by == scope.user_id) & _UNDECIDED[0] & _UNDECIDED[1])
    if email is not None:
        theirs.append(Invitation.email == email)
    return (await session.execute(delete(Invitation).where(or_(*theirs)).returning(Invitation))).scalars().all()


async def count_of_user(session: AsyncSession, scope: OwnScope, *, email: str | None) -> int:
    """Those that still name the user's address. `email`: as for `delete_of_user`."""
    theirs = [Invitation.accepted_by == scope.user_id]
    if email is not None:
        theirs.append(Invitation.email == email)
    return (await session.execute(select(func.count()).select_from(Invitation).where(or_(*theirs)))).scalar_one()


async def _returned(session: AsyncSession, _scope: Scope | InvitationScope, statement: Any) -> Invitation | None:
    statement = statement.execution_options(populate_existing=True, synchronize_session=False)
    invitation: Invitation | None = (await session.execute(statement)).scalar_one_or_none()
    if invitation is not None:
        # RETURNING gives the table's columns, not the one that is computed from them.
        await session.refresh(invitation, ["state"])
    return invitation


def _inside(scope: Scope) -> ColumnElement[bool]:
    inside = Invitation.org_id == scope.org_id
    return inside & (Invitation.partner_id == scope.partner_id) if isinstance(scope, PartnerScope) else inside
