"""What can be asked of usage, and the answers. Read only: the ledger is written by events alone."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from chassis.paging import MAX_PAGE
from contracts.usage import Operation
from usage_metrics.schemas.days import DaysQuery

_SOMETHING = UUID("01936d2e-7b1c-7c5e-9a53-2f8f6b0d4c11")


class Group(StrEnum):
    DAY = "day"
    ORG = "org"
    PARTNER = "partner"
    CLASS = "class"
    USER = "user"
    OPERATION = "operation"
    MODEL = "model"

    @property
    def column(self) -> str:
        return f"{self}_id" if self in {Group.ORG, Group.PARTNER, Group.CLASS, Group.USER} else self.value


def _split(value: Any) -> Any:
    """`day,model` in one parameter, or one parameter each."""
    texts = [value] if isinstance(value, str) else value
    return list(dict.fromkeys(part for text in texts for part in text.split(",")))


class UsageQuery(DaysQuery):
    org_id: UUID | None = Field(None, examples=[_SOMETHING])
    partner_id: UUID | None = Field(None, examples=[_SOMETHING])
    class_id: UUID | None = Field(None, examples=[_SOMETHING])
    user_id: UUID | None = Field(None, examples=[_SOMETHING])
    operation: Operation | None = Field(None, examples=["chat"])
    model: str | None = Field(
        None, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$", examples=["growfit-extractive"]
    )


class SummaryQuery(UsageQuery):
    group_by: Annotated[list[Group], BeforeValidator(_split)] = Field(
        [],
        description="Any of these, as a comma list; rows are sorted in this order. None: totals alone",
        examples=[["day", "model"]],
    )
    sort: Literal["group", "tokens"] = Field("group", description="`tokens`: most tokens first", examples=["tokens"])
    limit: int = Field(100, ge=1, le=1000, description="Groups per page", examples=[100])
    cursor: str | None = Field(None, max_length=2000, description="`next_cursor` of the page before")


class LinesQuery(UsageQuery):
    limit: int = Field(50, ge=1, le=MAX_PAGE, description="Lines per page", examples=[50])
    cursor: str | None = Field(None, max_length=300, description="`next_cursor` of the page before")


class Sums(BaseModel):
    calls: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cancelled: int = Field(description="Calls that the user ended before the answer did")
    failed: int
    estimated_calls: int = Field(description="Calls whose tokens were counted by us, not by the provider")


class Keys(BaseModel):
    day: date | None = None
    org_id: UUID | None = None
    partner_id: UUID | None = None
    class_id: UUID | None = None
    class_name: str | None = Field(None, examples=["월수 저녁반"])
    user_id: UUID | None = None
    operation: str | None = Field(None, examples=["chat"])
    model: str | None = Field(None, examples=["growfit-extractive"])


class SummaryRow(Sums, Keys):
    """Of the keys, only those grouped by are there. A null org, partner or class is personal usage outside of any."""


class SummaryOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    first: date = Field(alias="from")
    last: date = Field(alias="to")
    timezone: str = Field(examples=["Asia/Seoul"])
    group_by: list[Group]
    totals: Sums = Field(description="Of everything asked for, whatever the page")
    rows: list[SummaryRow]
    next_cursor: str | None


class UsageLine(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    event_id: UUID
    usage_id: UUID
    org_id: UUID | None
    partner_id: UUID | None
    class_id: UUID | None
    user_id: UUID
    operation: str
    provider: str = Field(examples=["growfit"])
    model: str
    input_tokens: int
    output_tokens: int
    estimated: bool
    outcome: str = Field(examples=["completed"])
    reference: str = Field(examples=["message/0198f3a1-7c52-7b3e-9c4d-2f6a8e1b0c9d"])
    duration_ms: int | None
    first_token_ms: int | None
    occurred_at: datetime
    recorded_at: datetime
