"""Alembic for one service: its own history, its own version table, and eyes for its own tables alone."""

import os
from typing import Any

from alembic import context
from sqlalchemy import MetaData, create_engine, pool

# Tables of other services that a foreign key points at; present in the metadata, never migrated here.
FOREIGN = {"foreign": True}


def run(metadata: MetaData, *, schema: str) -> None:
    """What a service's `migrations/env.py` calls. Reads MIGRATION_DATABASE_URL, else DATABASE_URL."""
    if context.is_offline_mode():
        raise RuntimeError("offline migrations are not supported: run against a database")
    url = os.environ.get("MIGRATION_DATABASE_URL") or os.environ["DATABASE_URL"]
    engine = create_engine(url, poolclass=pool.NullPool)
    own = {(table.schema, table.name) for table in metadata.tables.values() if not table.info.get("foreign")}

    def is_ours(name: str | None, kind: str, parents: Any) -> bool:
        if kind == "schema":
            return name in {table_schema for table_schema, _ in own}
        if kind == "table":
            here = parents["schema_name"]
            return (here, name) in own or (here == schema and name != "alembic_version")
        return True

    def is_migrated(item: Any, _name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:  # noqa: FBT001  alembic's signature
        return not (kind == "table" and item.info.get("foreign"))

    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            version_table_schema=schema,
            include_schemas=True,
            include_name=is_ours,
            include_object=is_migrated,
            compare_type=True,
            compare_server_default=False,
        )
        with context.begin_transaction():
            context.run_migrations()
