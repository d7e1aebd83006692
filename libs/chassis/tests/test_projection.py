"""A projection is the same whatever the order and the number of deliveries."""

from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, Uuid, select, text

from chassis import projection

CLASSES = Table(
    "classes",
    MetaData(),
    Column("class_id", Uuid, primary_key=True),
    Column("name", Text),
    Column("status", Text),
    Column("version", Integer),
    prefixes=["TEMPORARY"],
)
FACTS = [
    {"version": 1, "name": "저녁반", "status": "open"},
    {"version": 2, "name": "주말반", "status": "open"},
    {"version": 3, "name": "주말반", "status": "closed"},
]


@pytest.mark.parametrize("order", [*permutations(FACTS), [*FACTS, *FACTS, FACTS[0]]])
async def test_the_newest_fact_stands(store, order) -> None:
    async with store.database.transaction() as session:
        await session.run_sync(lambda sync: CLASSES.create(sync.connection()))
        for fact in order:
            await projection.upsert(session, CLASSES, class_id=UUID(int=1), **fact)
        rows = (await session.execute(select(CLASSES))).all()
        assert [(row.name, row.status, row.version) for row in rows] == [("주말반", "closed", 3)]
        await session.execute(text("DROP TABLE classes"))
