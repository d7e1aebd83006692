from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

_INDEX = "qdrant:multilingual-e5-small:384"
MAX_ORGS = 1_000


class IndexOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    index_id: str = Field(examples=[_INDEX])
    backend: str = Field(examples=["qdrant"])
    model: str
    dimension: int
    is_primary: bool
    is_written: bool
    is_read: bool
    created_at: datetime


class PlanIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    target: str = Field(
        pattern=r"^[a-z]+:[^:\x00]{1,100}:[1-9][0-9]{0,4}$",
        description="backend:model:dimension",
        examples=[_INDEX],
    )
    rate: int = Field(50, ge=1, le=10_000, description="Documents a second that are brought, at most", examples=[50])


class RateIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rate: int = Field(ge=1, le=10_000, examples=[100])


class ShadowIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    share: int = Field(ge=0, le=100, description="Of 100 searches", examples=[5])


class SwitchIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    everybody: bool = Field(False, examples=[False])
    org_ids: list[UUID] = Field([], max_length=MAX_ORGS, examples=[["0198c0de-0000-7000-8000-0000000000a1"]])
    share: int = Field(0, ge=0, le=100, description="Of 100 users", examples=[10])


class FinaliseIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    early: bool = Field(False, description="Before the time is over in which it is held", examples=[False])


class MigrationOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    migration_id: UUID
    source_id: str = Field(examples=["pgvector:multilingual-e5-small:384"])
    target_id: str = Field(examples=[_INDEX])
    stage: str = Field(examples=["backfilling"])
    is_paused: bool
    rate: int
    all_read: bool
    org_ids: list[UUID]
    share: int
    shadow_share: int
    shadow: dict[str, Any]
    backup: dict[str, Any] | None
    error: str | None
    started_by: UUID
    created_at: datetime
    started_at: datetime | None
    filled_at: datetime | None
    switched_at: datetime | None
    ended_at: datetime | None


class LagOut(BaseModel):
    document_id: UUID
    error: str | None


class CheckOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    check_id: UUID
    migration_id: UUID
    verdict: str = Field(examples=["green"])
    progress: float
    created_at: datetime
    ended_at: datetime | None


class ReportOut(CheckOut):
    report: dict[str, Any] | None


class StatusOut(MigrationOut):
    """`told`: documents that the target holds as they are; `due`: that it has yet to be told of; `left`: that nobody
    has come to. `eta_seconds`: until all are brought, at the present rate; null when that cannot be said.
    """

    documents: int
    told: int
    due: int
    left: int
    behind_seconds: float
    to_embed: int = Field(description="Chunks that the target's model has not seen")
    progress: float
    eta_seconds: int | None
    lagging: list[LagOut]
    check: CheckOut | None
