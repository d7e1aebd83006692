from collections.abc import Collection
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from usage_metrics.models import Place


async def note(session: AsyncSession, pairs: Collection[tuple[UUID, UUID]]) -> None:
    """Each pair: what lies, and what it lies in."""
    # In one order for all, so that two transactions never wait for each other.
    rows = [{"place_id": place_id, "above_id": above_id} for place_id, above_id in sorted(pairs)]
    if rows:
        await session.execute(insert(Place).values(rows).on_conflict_do_nothing())


async def list_above(session: AsyncSession, place_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """All that each of them has ever lain in, partner and org alike; without those of which nothing is known."""
    partners = select(Place.above_id).where(Place.place_id.in_(place_ids))
    query = select(Place).where(or_(Place.place_id.in_(place_ids), Place.place_id.in_(partners)))
    above: dict[UUID, set[UUID]] = {}
    for place in (await session.execute(query)).scalars():
        above.setdefault(place.place_id, set()).add(place.above_id)
    reached = {place: set[UUID]().union(*(above.get(each, ()) for each in above[place])) for place in above}
    return {place: above[place] | reached[place] for place in place_ids if place in above}
