from datetime import date

from pydantic import BaseModel, ConfigDict, Field

_EARLIEST, _LATEST = date(2020, 1, 1), date(2100, 12, 31)


class DaysQuery(BaseModel):
    # A misspelt filter that is passed over would show more than was asked for.
    model_config = ConfigDict(extra="forbid")

    first: date | None = Field(
        None,
        alias="from",
        ge=_EARLIEST,
        le=_LATEST,
        description="First day, Asia/Seoul; 29 days before `to`",
        examples=["2026-11-01"],
    )
    last: date | None = Field(
        None,
        alias="to",
        ge=_EARLIEST,
        le=_LATEST,
        description="Last day, Asia/Seoul, inclusive; today",
        examples=["2026-11-30"],
    )
