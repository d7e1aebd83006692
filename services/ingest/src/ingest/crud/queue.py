"""Which document is worked on next, and whose it is while it is worked on."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, and_, delete, func, literal_column, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import IS_LARGE, WORKING, Document, Turn

# Written out: with a parameter in it, PostgreSQL would not see that the index fits.
_WORKING = f"state IN ({', '.join(repr(state.value) for state in WORKING)})"

_FREE = and_(
    or_(Document.claim_id.is_(None), Document.claimed_until < func.clock_timestamp()),
    or_(Document.waits_until.is_(None), Document.waits_until <= func.clock_timestamp()),
)


async def next_waiting(session: AsyncSession, *, small_alone: bool) -> UUID | None:
    """Of the org, and in it of the person, who was served least of late; a small document before a large one.

    A person without an org is an org of their own. `small_alone`: documents above 1 MiB are passed over. A few rows of
    each person who waits are read, however many documents they have.
    """
    statement = _NEXT_SMALL if small_alone else _NEXT
    found: UUID | None = (await session.execute(statement)).scalar_one_or_none()
    return found


# After so long a turn counts half: five documents go before the thousandth of somebody else's, and two who have a
# thousand each take turns.
_HALF_LIFE_SECONDS = 20
# The same for all rows: people of one org must not differ by when they were looked at.
_ONE_MOMENT = "statement_timestamp()"


def _faded(turns: str, moment: str) -> str:
    """What is left of the turns that were taken. Without bounds, what is tiny would be an error of PostgreSQL's."""
    half_lives = f"extract(epoch FROM {moment} - {turns}.taken_at) / {_HALF_LIFE_SECONDS}"
    return f"coalesce({turns}.taken * power(0.5, greatest(0, least(100, {half_lives}))), 0)"


def _next(*sizes: int) -> TextClause:
    """`sizes`: 0 and 1, for small and large. The first ones of a person are looked up in the index one kind after the
    other, and the next person behind the last: no other form of the query reads less than all that waits. Persons are
    ordered by more than their id so that no index but the one of what waits fits.
    """
    heads = " UNION ALL ".join(
        f"""(SELECT document_id, owner_id, org_id, queued_at, {size} AS is_large
            FROM "user".documents
            WHERE owner_id = people.owner_id AND {IS_LARGE} = {size} AND {_WORKING} AND {waits}
                AND (claim_id IS NULL OR claimed_until < clock_timestamp())
            ORDER BY {order} LIMIT 1)"""  # noqa: S608  its own words
        for size in sizes
        for waits, order in (("waits_until IS NULL", "queued_at"), ("waits_until <= now()", "waits_until"))
    )
    return text(f"""
        WITH RECURSIVE people AS (
            (SELECT owner_id FROM "user".documents WHERE {_WORKING} ORDER BY owner_id, {IS_LARGE} LIMIT 1)
            UNION ALL
            SELECT (SELECT following.owner_id FROM "user".documents AS following
                WHERE {_WORKING} AND following.owner_id > people.owner_id
                ORDER BY following.owner_id, {IS_LARGE} LIMIT 1)
            FROM people WHERE people.owner_id IS NOT NULL
        )
        SELECT own.document_id FROM people CROSS JOIN LATERAL (
            SELECT * FROM ({heads}) AS heads ORDER BY is_large, queued_at LIMIT 1
        ) AS own
        LEFT JOIN ingest.turns AS by_org ON by_org.holder_id = coalesce(own.org_id, own.owner_id)
        LEFT JOIN ingest.turns AS by_owner ON by_owner.holder_id = own.owner_id
        ORDER BY {_faded("by_org", _ONE_MOMENT)}, {_faded("by_owner", _ONE_MOMENT)}, own.queued_at LIMIT 1
    """)  # noqa: S608  its own words


_NEXT, _NEXT_SMALL = _next(0, 1), _next(0)


async def get_free(session: AsyncSession, document_id: UUID) -> Document | None:
    """Locked; None when it is no longer waiting, or somebody has it at this moment."""
    query = select(Document).where(Document.document_id == document_id, Document.state.in_(WORKING), _FREE)
    query = query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()


async def take_turn(session: AsyncSession, document: Document) -> None:
    holders = {document.owner_id, document.org_id or document.owner_id}
    # In one order, so that two who take turns never wait for each other.
    values = [{"holder_id": each, "taken_at": func.clock_timestamp()} for each in sorted(holders)]
    statement = insert(Turn).values(values)
    taken: ColumnElement[float] = literal_column(f"{_faded('turns', 'excluded.taken_at')} + 1")
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[Turn.holder_id], set_={Turn.taken_at: statement.excluded.taken_at, Turn.taken: taken}
        )
    )


async def delete_old_turns(session: AsyncSession, *, older_than: timedelta) -> None:
    await session.execute(delete(Turn).where(Turn.taken_at < func.now() - older_than))


async def update_claimed(session: AsyncSession, document_id: UUID, held_claim: UUID, **values: Any) -> bool:
    """False: the claim is no longer this worker's, so nothing was written."""
    statement = (
        update(Document)
        .where(Document.document_id == document_id, Document.claim_id == held_claim)
        .values(updated_at=func.now(), **values)
        .returning(Document.document_id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def is_held(session: AsyncSession, document_id: UUID, held_claim: UUID) -> bool:
    query = select(Document.document_id).where(Document.document_id == document_id, Document.claim_id == held_claim)
    return (await session.execute(query)).scalar_one_or_none() is not None


async def extend(session: AsyncSession, document_id: UUID, held_claim: UUID, *, by: timedelta) -> None:
    """It stays without an `updated_at`: a sign of life is no progress."""
    statement = update(Document).where(Document.document_id == document_id, Document.claim_id == held_claim)
    await session.execute(statement.values(claimed_until=until(by)))


async def uncount_claim(session: AsyncSession, document_id: UUID) -> None:
    statement = (
        update(Document)
        .where(Document.document_id == document_id, Document.state.in_(WORKING), Document.attempts > 0)
        .values(attempts=Document.attempts - 1)
    )
    await session.execute(statement)


def until(by: timedelta) -> Any:
    """So long from now, on the database's clock: workers' clocks may differ."""
    return func.clock_timestamp() + by


async def from_now(session: AsyncSession, pause: timedelta) -> datetime:
    """The same as a value."""
    moment: datetime = (await session.execute(select(until(pause)))).scalar_one()
    return moment
