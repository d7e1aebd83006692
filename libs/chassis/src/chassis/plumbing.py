"""The three tables that carry a service's events: outbox, inbox, dead letters. One set per plumbing schema."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


@dataclass(frozen=True)
class Plumbing:
    schema: str
    outbox: Table
    inbox: Table
    dead_letters: Table


def plumbing_tables(metadata: MetaData, *, schema: str) -> Plumbing:
    return Plumbing(schema, _outbox(metadata, schema), _inbox(metadata, schema), _dead_letters(metadata, schema))


def _timestamp(name: str, *, nullable: bool = True) -> Column[object]:
    default = None if nullable else func.now()
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=default)


def _outbox(metadata: MetaData, schema: str) -> Table:
    table = Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", Uuid, nullable=False),
        Column("subject", Text, nullable=False),
        Column("payload", JSONB, nullable=False),
        Column("headers", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
        _timestamp("created_at", nullable=False),
        _timestamp("published_at"),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("last_error", Text),
        UniqueConstraint("event_id"),
        schema=schema,
    )
    # The relay's only question is "what is not published yet", whatever the table's size.
    Index("ix_outbox_unpublished", table.c.id, postgresql_where=table.c.published_at.is_(None))
    Index("ix_outbox_published_at", table.c.published_at)
    return table


def _inbox(metadata: MetaData, schema: str) -> Table:
    return Table(
        "inbox",
        metadata,
        Column("consumer", Text, nullable=False),
        Column("event_id", Uuid, nullable=False),
        _timestamp("processed_at", nullable=False),
        PrimaryKeyConstraint("consumer", "event_id"),
        Index("ix_inbox_processed_at", "processed_at"),
        schema=schema,
    )


def _dead_letters(metadata: MetaData, schema: str) -> Table:
    return Table(
        "dead_letters",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("consumer", Text, nullable=False),
        Column("stream", Text, nullable=False),
        Column("stream_seq", BigInteger, nullable=False),
        Column("subject", Text, nullable=False),
        Column("body", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("error", Text, nullable=False),
        Column("deliveries", Integer, nullable=False),
        _timestamp("buried_at", nullable=False),
        _timestamp("redrive_requested_at"),
        _timestamp("resolved_at"),
        schema=schema,
    )


def plumbing_of(session: AsyncSession) -> Plumbing:
    """The tables of the service whose `Database` opened this session."""
    info: dict[str, Any] = session.info
    plumbing: Plumbing = info["plumbing"]
    return plumbing
