from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningUpdate

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import InvitationScope, OrgScope, OwnScope, PartnerScope, place_of
from org_partner.models import Membership, Org, Partner, User

Scope = OrgScope | PartnerScope


@dataclass(frozen=True, slots=True)
class Filter:
    """`text`: a part of the name or the address. `ended`: those whose role was taken away, instead of the others."""

    role: str | None = None
    partner_id: UUID | None = None
    text: str | None = None
    ended: bool = False


async def add(
    session: AsyncSession, scope: Scope | InvitationScope, *, membership_id: UUID, user_id: UUID, role: str
) -> Membership | None:
    """A new row, or the one whose role was taken away, with its next version.

    None: the user has a role in that very org or partner already.
    """
    place = place_of(scope)
    values = {"membership_id": membership_id, "user_id": user_id, "role": role}
    statement = insert(Membership).values(**values, org_id=place["org_id"], partner_id=place["partner_id"])
    again = {"role": role, "revoked_at": None, "granted_at": func.now(), "version": Membership.version + 1}
    statement = statement.on_conflict_do_update(
        index_elements=[Membership.user_id, Membership.org_id, Membership.partner_id],
        set_=again,
        where=Membership.revoked_at.is_not(None),
    )
    return (await session.execute(statement.returning(Membership))).scalar_one_or_none()


async def get(session: AsyncSession, scope: Scope | InvitationScope, *, user_id: UUID) -> Membership | None:
    """The user's role in that very org or partner."""
    place = place_of(scope)
    query = select(Membership).where(
        Membership.user_id == user_id,
        Membership.org_id == place["org_id"],
        Membership.partner_id.is_not_distinct_from(place["partner_id"]),
        Membership.revoked_at.is_(None),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def hold_partner(session: AsyncSession, scope: Scope, membership_id: UUID) -> None:
    """The partner that the role is in, if it is in one, stays in its org. Before the role, as a move takes the two."""
    query = select(Partner.partner_id).join(Membership, Membership.partner_id == Partner.partner_id)
    query = query.where(Membership.membership_id == membership_id, _inside(scope))
    await session.execute(query.with_for_update(read=True, key_share=True, of=Partner))


async def find(session: AsyncSession, scope: Scope, membership_id: UUID) -> Membership | None:
    """A role that somebody has in the org with all its partners, or in the partner; locked, for it is to change."""
    query = select(Membership).where(Membership.membership_id == membership_id, Membership.revoked_at.is_(None))
    query = query.where(_inside(scope)).with_for_update(key_share=True)
    return (await session.execute(query)).scalar_one_or_none()


async def get_user_id(session: AsyncSession, scope: Scope, membership_id: UUID) -> UUID | None:
    """Whose role it is; not locked. None: nobody has it in there."""
    query = select(Membership.user_id).where(Membership.membership_id == membership_id, _inside(scope))
    return (await session.execute(query.where(Membership.revoked_at.is_(None)))).scalar_one_or_none()


async def list_for_scope(
    session: AsyncSession, scope: Scope, page: Slice, wanted: Filter
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Members with their names, which are absent until identity's event about the user arrives."""
    query = (
        select(
            Membership.membership_id,
            Membership.user_id,
            Membership.org_id,
            Membership.partner_id,
            Membership.role,
            Membership.version,
            Membership.granted_at,
            Membership.revoked_at,
            Partner.name.label("partner_name"),
            User.display_name,
            User.email,
        )
        .outerjoin(Partner, Partner.partner_id == Membership.partner_id)
        .outerjoin(User, User.user_id == Membership.user_id)
        .where(_inside(scope), Membership.revoked_at.is_not(None) if wanted.ended else Membership.revoked_at.is_(None))
    )
    if wanted.role is not None:
        query = query.where(Membership.role == wanted.role)
    if wanted.partner_id is not None:
        query = query.where(Membership.partner_id == wanted.partner_id)
    if wanted.text is not None:
        named = (column.icontains(wanted.text, autoescape=True) for column in (User.display_name, User.email))
        query = query.where(or_(*named))
    query = paging.apply(query, page, at=Membership.granted_at, key=Membership.membership_id)
    return (await session.execute(query)).all()


async def lock_place(session: AsyncSession, _scope: Scope, membership: Membership) -> None:
    """One change of who runs the place at a time: two who remove each other at once would leave nobody."""
    query = (
        select(Org.org_id).where(Org.org_id == membership.org_id)
        if membership.partner_id is None
        else select(Partner.partner_id).where(Partner.partner_id == membership.partner_id)
    )
    await session.execute(query.with_for_update(key_share=True))


async def has_other(session: AsyncSession, _scope: Scope, membership: Membership) -> bool:
    """Whether somebody else has the same role in the same place."""
    query = select(
        exists().where(
            Membership.org_id == membership.org_id,
            Membership.partner_id.is_not_distinct_from(membership.partner_id),
            Membership.role == membership.role,
            Membership.revoked_at.is_(None),
            Membership.membership_id != membership.membership_id,
        )
    )
    return (await session.execute(query)).scalar_one()


async def list_roles(session: AsyncSession, scope: Scope, *, user_id: UUID, partner_id: UUID | None) -> frozenset[str]:
    """The user's in the org as a whole and, where one is named, in that partner."""
    query = select(Membership.role).where(_counting(scope, user_id, partner_id))
    return frozenset((await session.execute(query)).scalars())


async def lock_roles(session: AsyncSession, scope: Scope, *, user_id: UUID) -> None:
    """Those of the user that count there stay as they are until the end of the transaction."""
    query = select(Membership.membership_id).where(_counting(scope, user_id, place_of(scope)["partner_id"]))
    # In one order for all.
    await session.execute(query.order_by(Membership.membership_id).with_for_update(read=True))


async def update_role(session: AsyncSession, scope: Scope, membership_id: UUID, *, role: str) -> Membership | None:
    """None: nobody has that membership any more."""
    which = _inside(scope) & (Membership.membership_id == membership_id)
    return (await session.execute(_changed(which, role=role, granted_at=func.now()))).scalar_one_or_none()


async def update_revoked(session: AsyncSession, scope: Scope, membership_id: UUID) -> Membership | None:
    """None: it was taken away before."""
    which = _inside(scope) & (Membership.membership_id == membership_id)
    return (await session.execute(_changed(which, revoked_at=func.now()))).scalar_one_or_none()


async def update_moved(session: AsyncSession, scope: PartnerScope) -> Sequence[Membership]:
    """After the partner moved: its staff's memberships, each with its next version."""
    return (await session.execute(_changed(_inside(scope)))).scalars().all()


async def update_all_revoked(session: AsyncSession, scope: OwnScope) -> Sequence[Membership]:
    """The user's own, in every org."""
    which = Membership.user_id == scope.user_id
    return (await session.execute(_changed(which, revoked_at=func.now()))).scalars().all()


def _changed(which: ColumnElement[bool], **values: Any) -> ReturningUpdate[Membership]:
    statement = update(Membership).where(which, Membership.revoked_at.is_(None))
    statement = statement.values(version=Membership.version + 1, **values)
    return statement.returning(Membership).execution_options(populate_existing=True)


def _inside(scope: Scope) -> ColumnElement[bool]:
    inside = Membership.org_id == scope.org_id
    return inside & (Membership.partner_id == scope.partner_id) if isinstance(scope, PartnerScope) else inside


def _counting(scope: Scope, user_id: UUID, partner_id: UUID | None) -> ColumnElement[bool]:
    here = or_(Membership.partner_id.is_(None), Membership.partner_id == partner_id)
    mine = (Membership.user_id == user_id) & (Membership.org_id == scope.org_id)
    return mine & here & Membership.revoked_at.is_(None)
