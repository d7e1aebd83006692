from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.org_partner import Budget
from org_partner.schemas.currencies import Currency
from org_partner.schemas.fields import Given, Name, Version
from org_partner.schemas.seoul import SeoulTimeIn, SeoulTimeOut

ClassStatus = Literal["draft", "scheduled", "open", "closed"]

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_MODELS: Any = Field(
    max_length=50,
    description="What its students may use; empty: all that the partner may",
    examples=[["growfit-extractive"]],
)
_OPENS: Any = Field(description="From when on; without an offset it is Seoul's", examples=["2026-03-02T09:00:00+09:00"])
_CLOSES: Any = Field(description="Until when; without an offset it is Seoul's", examples=["2026-06-30T18:00:00+09:00"])
_CAPACITY: Any = Field(strict=True, ge=1, le=100_000, description="Null: as many as come", examples=[30])
_CLASS_BUDGET: Any = Field(description="Of all its students together")
_STUDENT_BUDGET: Any = Field(description="Of each student")


class BudgetIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount: int = Field(strict=True, ge=0, le=10**15, description="Minor units: won, cents", examples=[50_000])
    currency: Currency = Field(examples=["KRW"])
    period: Literal["month", "total"] = Field(description="A month is one of Asia/Seoul", examples=["month"])


class ClassIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    course_id: UUID = Field(examples=["01a20472-18c4-713b-8af1-3977cd6456c0"])
    name: Name = Field(examples=["월수 저녁반"])
    status: Literal["draft", "open"] = Field(
        default="open", description="A draft is seen by the staff alone until it is opened", examples=["open"]
    )
    opens_at: Annotated[SeoulTimeIn | None, _OPENS] = None
    closes_at: Annotated[SeoulTimeIn | None, _CLOSES] = None
    capacity: Annotated[int | None, _CAPACITY] = None
    allowed_models: Annotated[list[ModelName], _MODELS] = Field(default_factory=list)
    class_budget: Annotated[BudgetIn | None, _CLASS_BUDGET] = None
    student_budget: Annotated[BudgetIn | None, _STUDENT_BUDGET] = None
    material_ids: list[UUID] = Field(
        default_factory=list,
        max_length=200,
        description="Documents",
        examples=[["01a20472-18c4-713b-8af1-3977cd6456c1"]],
    )


class ClassPatch(BaseModel):
    """What is left out stays as it is; null takes an end, a limit or a budget away."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, Given] = Field(default=None, examples=["화목 저녁반"])
    opens_at: Annotated[SeoulTimeIn | None, _OPENS] = None
    closes_at: Annotated[SeoulTimeIn | None, _CLOSES] = None
    capacity: Annotated[int | None, _CAPACITY] = None
    allowed_models: Annotated[list[ModelName] | None, Given, _MODELS] = None
    class_budget: Annotated[BudgetIn | None, _CLASS_BUDGET] = None
    student_budget: Annotated[BudgetIn | None, _STUDENT_BUDGET] = None
    version: Annotated[Version | None, Given] = Field(
        default=None, description="409 when the class has another one by now", examples=[3]
    )

    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude={"version"}, exclude_unset=True)


class ReopeningIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    closes_at: Annotated[SeoulTimeIn | None, _CLOSES] = None


class ClassSeen(BaseModel):
    """A class as its students see it."""

    model_config = ConfigDict(from_attributes=True)

    class_id: UUID
    org_id: UUID
    partner_id: UUID
    course_id: UUID
    name: str
    status: ClassStatus = Field(
        validation_alias="state", description="`scheduled`: it takes students and begins at `opens_at`"
    )
    opens_at: SeoulTimeOut | None
    closes_at: SeoulTimeOut | None
    opened_at: SeoulTimeOut | None = Field(examples=["2026-11-26T09:30:00+09:00"])
    closed_at: SeoulTimeOut | None = Field(examples=["2026-11-26T09:30:00+09:00"])


class ClassOut(ClassSeen):
    capacity: int | None
    allowed_models: list[str]
    class_budget: Budget | None
    student_budget: Budget | None
    version: int
    config_version: int
    created_at: datetime


class MaterialIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    document_id: UUID = Field(examples=["01a20472-18c4-713b-8af1-3977cd6456c1"])


class MaterialsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    document_ids: list[UUID] = Field(max_length=200, examples=[["01a20472-18c4-713b-8af1-3977cd6456c1"]])


class MaterialOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    document_id: UUID
    title: str | None = Field(
        description="Absent when the document is not known here", examples=["AI 실습 과정 운영 안내서.pdf"]
    )
    is_live: bool = Field(description="Whether it can still be used")
    added_at: datetime
