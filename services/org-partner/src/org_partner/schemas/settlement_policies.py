from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, computed_field

from org_partner.schemas.currencies import MINOR_DIGITS, Currency
from org_partner.schemas.days import Day
from org_partner.schemas.seoul import local

# A thousand trillion: beyond any revenue, and far within what 64 bits hold.
Amount = Annotated[int, Field(strict=True, ge=0, le=10**15)]
ShareBps = Annotated[int, Field(strict=True, ge=0, le=10_000)]
Rounding = Literal["down", "half_up", "half_even"]


class TierIn(BaseModel):
    """`share_bps` of what is beyond `from_amount`."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    from_amount: Annotated[int, Field(strict=True, ge=1, le=10**15)] = Field(examples=[10_000_000])
    share_bps: ShareBps = Field(examples=[7_000])


class _CommonTerms(BaseModel):
    model_config = ConfigDict(extra="forbid")

    minimum_amount: Amount = Field(0, description="What a partner is due at least", examples=[50_000])
    currency: Currency = Field(examples=["KRW"])
    rounding: Rounding = Field("down", examples=["down"])


class ShareTerms(_CommonTerms):
    """A share of the revenue. Amounts are minor units of the currency: won, cents."""

    kind: Literal["share"]
    share_bps: ShareBps = Field(description="In basis points: 6000 is 60 %", examples=[6_000])
    tiers: list[TierIn] = Field(
        default_factory=list,
        max_length=20,
        description="Ascending",
        examples=[[{"from_amount": 10_000_000, "share_bps": 7_000}]],
    )


class FixedFeeTerms(_CommonTerms):
    """The same amount whatever the revenue."""

    kind: Literal["fixed_fee"]
    fixed_fee: Amount = Field(examples=[300_000])


AnyTerms = Annotated[ShareTerms | FixedFeeTerms, Field(discriminator="kind")]


class _Beginning(BaseModel):
    effective_from: Day = Field(
        description="From the beginning of this day in Asia/Seoul; tomorrow at the earliest", examples=["2026-12-01"]
    )


class SharePolicyIn(ShareTerms, _Beginning):
    pass


class FixedFeePolicyIn(FixedFeeTerms, _Beginning):
    pass


PolicyIn = Annotated[SharePolicyIn | FixedFeePolicyIn, Field(discriminator="kind")]


def _day(value: Any) -> Any:
    return local(value).date() if isinstance(value, datetime) else value


class _Money(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    currency: Currency

    @computed_field(description="Digits of the currency's minor unit")  # type: ignore[prop-decorator]
    @property
    def minor_digits(self) -> int:
        return MINOR_DIGITS[self.currency]


class SettlementPolicyOut(_Money):
    """`state`: `effective` holds now, `past` did, `upcoming` will, `withdrawn` never."""

    policy_id: UUID
    org_id: UUID
    version: int
    state: Literal["upcoming", "effective", "past", "withdrawn"]
    kind: Literal["share", "fixed_fee"]
    share_bps: int | None
    fixed_fee: int | None
    tiers: list[TierIn]
    minimum_amount: int
    rounding: Rounding
    effective_from: Annotated[date, BeforeValidator(_day)]
    adopted_by: UUID
    adopted_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: UUID | None


class PreviewIn(BaseModel):
    """Exactly one of `policy_id` and `terms`."""

    model_config = ConfigDict(extra="forbid")

    policy_id: UUID | None = Field(None, examples=["0192f0c1-2b7a-7c1e-9d9e-0f6f0f5b7e10"])
    terms: AnyTerms | None = Field(
        None, examples=[{"kind": "share", "share_bps": 6_000, "currency": "KRW", "rounding": "down"}]
    )
    revenue_amount: Amount = Field(description="Minor units of the currency", examples=[12_345_678])


class PreviewOut(_Money):
    amount: int = Field(description="What the partner is due, in minor units")
