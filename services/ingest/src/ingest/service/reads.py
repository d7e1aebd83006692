"""The rule of where searches read, told whole whenever it changes."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox
from chassis.clock import now
from chassis.ids import new_id
from contracts.ingest import ReadIndex, ReadRoute, ShadowRead, VectorReadSwitched
from ingest.crud import indexes, migrations
from ingest.models import VectorIndex


async def tell(session: AsyncSession) -> VectorReadSwitched:
    """What the primary index and the open migrations say now. Call in the transaction that changed them."""
    rule = await migrations.get_rule_for_update(session)
    known = {each.index_id: each for each in await indexes.list_all(session)}
    (primary,) = (each for each in known.values() if each.is_primary)
    running = await migrations.list_open(session)
    routes = [
        ReadRoute(**_named(known[each.target_id]), org_ids=each.org_ids, share=100 if each.all_read else each.share)
        for each in running
        if each.is_read
    ]
    shadows = [
        ShadowRead(**_named(known[each.target_id]), share=each.shadow_share) for each in running if each.shadow_share
    ]
    rule.version += 1
    event = VectorReadSwitched(
        switch_id=new_id(),
        **_named(primary),
        version=rule.version,
        routes=routes,
        shadows=shadows,
        switched_at=now(),
    )
    rule.rule = event.model_dump(mode="json")
    await outbox.add(session, event)
    return event


def _named(index: VectorIndex) -> dict[str, str | int]:
    named = ReadIndex(index=index.index_id, backend=index.backend, model=index.model, dimension=index.dimension)
    return named.model_dump()
