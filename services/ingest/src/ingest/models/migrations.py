from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import SCHEMA, Base


class Stage(StrEnum):
    """Where a migration stands. `backfilling` and all that follows up to `finalised` write both indexes."""

    PLANNED = "planned"
    BACKFILLING = "backfilling"
    FILLED = "filled"
    FINALISED = "finalised"
    DROPPING = "dropping"
    DROPPED = "dropped"
    RESTORING = "restoring"
    CANCELLED = "cancelled"


OPEN = (Stage.PLANNED, Stage.BACKFILLING, Stage.FILLED)


class VectorMigration(Base):
    """One index moving to another. Reads move by `all_read`, `org_ids` and `share`, in whatever stage writes both."""

    __tablename__ = "vector_migrations"
    __table_args__ = (
        CheckConstraint(f"stage IN ({', '.join(repr(stage.value) for stage in Stage)})", name="stage"),
        CheckConstraint("share BETWEEN 0 AND 100", name="share"),
        CheckConstraint("shadow_share BETWEEN 0 AND 100", name="shadow_share"),
        Index(None, "created_at"),
        {"schema": SCHEMA},
    )

    migration_id: Mapped[UUID] = mapped_column(primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey(f"{SCHEMA}.vector_indexes.index_id"))
    target_id: Mapped[str] = mapped_column(ForeignKey(f"{SCHEMA}.vector_indexes.index_id"))
    stage: Mapped[str] = mapped_column(Text, server_default=Stage.PLANNED.value)
    is_paused: Mapped[bool] = mapped_column(server_default=text("false"))
    # Documents a second that the backfill brings, at most.
    rate: Mapped[int] = mapped_column(server_default="50")
    # The last document that the backfill has marked; ids are in the order of their making.
    marked_to: Mapped[UUID | None]
    all_read: Mapped[bool] = mapped_column(server_default=text("false"))
    org_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'::uuid[]"))
    share: Mapped[int] = mapped_column(server_default="0")
    shadow_share: Mapped[int] = mapped_column(server_default="0")
    # Of the shadow reads so far: searches, failures, overlap summed up, worst, when last.
    shadow: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    # Of the dropped index: where its items lie, their count and hash.
    backup: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    error: Mapped[str | None] = mapped_column(Text)
    started_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    filled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    switched_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # Which worker does its long work now, and until when that is believed.
    lease_id: Mapped[UUID | None]
    leased_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @property
    def is_read(self) -> bool:
        return self.all_read or bool(self.org_ids) or self.share > 0


class Verdict(StrEnum):
    ASKED = "asked"
    RUNNING = "running"
    GREEN = "green"
    RED = "red"


class VectorCheck(Base):
    """One verification of a migration's target, and the report that it ended with."""

    __tablename__ = "vector_checks"
    __table_args__ = (
        CheckConstraint(f"verdict IN ({', '.join(repr(verdict.value) for verdict in Verdict)})", name="verdict"),
        Index(None, "migration_id", "created_at"),
        {"schema": SCHEMA},
    )

    check_id: Mapped[UUID] = mapped_column(primary_key=True)
    migration_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.vector_migrations.migration_id"))
    verdict: Mapped[str] = mapped_column(Text, server_default=Verdict.ASKED.value)
    progress: Mapped[float] = mapped_column(server_default="0")
    # Which run of it is at work, or was last: another one's notes are none of its.
    run_id: Mapped[UUID | None]
    # When that run began: of what came later it says nothing.
    began_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # When its worker last gave a sign of life.
    noted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    report: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ReadRule(Base):
    """One row: the rule of where searches read, as it was last told."""

    __tablename__ = "read_rules"
    __table_args__ = (CheckConstraint("row_id = 1", name="row_id"), {"schema": SCHEMA})

    row_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, server_default="1")
    version: Mapped[int] = mapped_column(server_default="0")
    rule: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
