"""Files that no row names any more."""

from contextlib import suppress

from chassis import tenant
from chassis.database import Database
from chassis.errors import Unavailable
from ingest.crud import pending_objects
from ingest.ports import Storage


async def delete(database: Database, storage: Storage, key: str) -> None:
    """Call when what discarded it is committed. Where it cannot be deleted now, the sweep of uploads does it."""
    with suppress(Unavailable):
        await storage.delete(key)
        async with database.transaction(tenant.PLATFORM) as session:
            await pending_objects.delete_all(session, [key])
