"""Further tables that a service may have in its plumbing schema, besides those of `chassis.plumbing`.

Apart from what uses them: a service's rows must not know requests or events.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB


@dataclass(frozen=True)
class PlatformTables:
    """`revocations`: by session, or by user with the lowest epoch that still counts."""

    revocations: Table
    settings: Table


def platform_tables(metadata: MetaData, *, schema: str) -> PlatformTables:
    revocations = Table(
        "revocations",
        metadata,
        Column("subject_id", Uuid, primary_key=True),
        Column("least_epoch", Integer),
        Column("revoked_at", DateTime(timezone=True), nullable=False, server_default=func.now(), index=True),
        schema=schema,
    )
    settings = Table(
        "platform_settings",
        metadata,
        Column("name", Text, primary_key=True),
        Column("value", JSONB),
        Column("version", Integer, nullable=False),
        schema=schema,
    )
    return PlatformTables(revocations, settings)


def limits_table(metadata: MetaData, *, schema: str) -> Table:
    """Lost with a crash of the server, which gives everybody a fresh minute."""
    return Table(
        "request_counts",
        metadata,
        Column("user_id", Uuid, primary_key=True),
        # Minutes since 1970.
        Column("minute", BigInteger, primary_key=True),
        Column("requests", BigInteger, nullable=False),
        schema=schema,
        prefixes=["UNLOGGED"],
    )


def mails_table(metadata: MetaData, *, schema: str) -> Table:
    return Table(
        "mails",
        metadata,
        Column("mail_id", Uuid, primary_key=True),
        # Recipient, subject and text, sealed and bound to mail_id.
        Column("sealed", LargeBinary, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("next_try_at", DateTime(timezone=True), nullable=False, server_default=func.now(), index=True),
        Column("tries", Integer, nullable=False, server_default="0"),
        Column("last_error", Text),
        schema=schema,
    )


@dataclass(frozen=True)
class AccessTables:
    platform: PlatformTables
    request_counts: Table


def access_tables(metadata: MetaData, *, schema: str) -> AccessTables:
    """`revocations`, `platform_settings` and `request_counts` in the service's plumbing schema."""
    return AccessTables(platform_tables(metadata, schema=schema), limits_table(metadata, schema=schema))
