"""The projection in rag's schema of a real database: the tables, rights and role that a service really has."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import MetaData, Row, select

from chassis import tenant
from chassis.database import Database
from chassis.plumbing import plumbing_tables
from chassis.tenant import Context
from contracts.event import Event
from growfit_local.servers import Database as TestDatabase
from tenancy.access import Access, Staff, access_of, staff_of
from tenancy.projection import project
from tenancy.tables import TenancyTables, tenancy_tables

SCHEMA = "rag"


class Projection:
    def __init__(self, database: Database, tables: TenancyTables) -> None:
        self.database = database
        self._tables = tables

    async def tell(self, *facts: Event, attempt: int = 1) -> None:
        async with self.database.transaction(tenant.PLATFORM) as session:
            for fact in facts:
                await project(session, self._tables, fact, attempt=attempt)

    async def access(self, user_id, context: Context | None = None) -> Access:
        """As in a request of that person, unless another context is named."""
        async with self.database.transaction(context or tenant.of_user(user_id)) as session:
            return await access_of(session, self._tables, user_id)

    async def staff(self, org_id, *user_ids) -> list[Staff]:
        async with self.database.transaction(tenant.PLATFORM) as session:
            return await staff_of(session, self._tables, org_id=org_id, user_ids=user_ids)

    async def rows(self, ids) -> list[Row]:
        """The memberships and classes with these ids, in a fixed order."""
        memberships, classes = self._tables.memberships, self._tables.classes
        async with self.database.transaction(tenant.PLATFORM) as session:
            held = select(memberships).where(memberships.c.membership_id.in_(ids)).order_by(memberships.c.membership_id)
            rooms = select(classes).where(classes.c.class_id.in_(ids)).order_by(classes.c.class_id)
            return [*(await session.execute(held)).all(), *(await session.execute(rooms)).all()]


@pytest.fixture(scope="module")
async def projection(database: TestDatabase) -> AsyncIterator[Projection]:
    metadata = MetaData()
    opened = Database(database.url(SCHEMA), plumbing_tables(metadata, schema=SCHEMA))
    yield Projection(opened, tenancy_tables(metadata, schema=SCHEMA))
    await opened.close()
