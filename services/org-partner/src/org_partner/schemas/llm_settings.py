from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from org_partner.schemas.currencies import Currency

# As providers write them: gpt-4.1-mini, meta-llama/Llama-3.1-8B-Instruct, gemma3:4b.
ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,119}$")]
Provider = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


def _canonical(text: str) -> str:
    return format(Decimal(text).normalize(), "f")


# Text, because a JSON number becomes a float on its way.
Price = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$", strict=True), AfterValidator(_canonical)
]


def _sendable(secret: SecretStr) -> SecretStr:
    # It travels in a header; the message must not repeat it.
    if not all("!" <= letter <= "~" for letter in secret.get_secret_value()):
        raise ValueError("an API key has no spaces and no letters beyond ASCII")
    return secret


ApiKey = Annotated[SecretStr, Field(min_length=1, max_length=1000), AfterValidator(_sendable)]


class ModelPrice(BaseModel):
    """Per 1,000,000 tokens."""

    model_config = ConfigDict(extra="forbid")

    input: Price = Field(examples=["0.4"])
    output: Price = Field(examples=["1.6"])
    currency: Currency = Field(examples=["USD"])


class LlmSettingsIn(BaseModel):
    """The whole of a level's settings: what is left out is left to the level above. `api_key` alone is kept."""

    model_config = ConfigDict(extra="forbid")

    provider: Provider | None = Field(None, description="Together with `base_url`", examples=["openai"])
    base_url: str | None = Field(
        None, min_length=1, max_length=500, description="https, a public host", examples=["https://api.openai.com/v1"]
    )
    model: ModelName | None = Field(
        None, description="Used where nobody chooses one; must be allowed", examples=["gpt-4.1-mini"]
    )
    allowed_models: list[ModelName] = Field(
        default_factory=list,
        max_length=100,
        description="Empty: all that the level above allows. A partner may only name what its org allows.",
        examples=[["gpt-4.1-mini", "gpt-4.1"]],
    )
    price_override: dict[ModelName, ModelPrice] = Field(
        default_factory=dict,
        max_length=100,
        description="By model, per 1,000,000 tokens, as decimal text",
        examples=[{"gpt-4.1-mini": {"input": "0.4", "output": "1.6", "currency": "USD"}}],
    )
    api_key: ApiKey | None = Field(
        None,
        description="Never given back. Left out: the stored one stays; null: it is removed. "
        "Needed when `provider` or `base_url` changes, be it the path alone.",
        json_schema_extra={"writeOnly": True},
        examples=["sk-…"],
    )

    @property
    def leaves_key(self) -> bool:
        return "api_key" not in self.model_fields_set


class Level(BaseModel):
    """What this level sets itself. The API key is never part of an answer; `has_key` says whether there is one."""

    model_config = ConfigDict(from_attributes=True)

    provider: str | None
    base_url: str | None
    model: str | None
    allowed_models: list[str]
    price_override: dict[str, ModelPrice]
    has_key: bool
    key_set_at: datetime | None
    version: int
    updated_at: datetime


class Sourced[ValueT](BaseModel):
    model_config = ConfigDict(from_attributes=True)

    value: ValueT
    source: Literal["platform", "org", "partner", "class"] = Field(description="The level that the value comes from")


class EffectiveOut(BaseModel):
    """What holds. `provider` and `has_key` come from the level of `base_url`; prices each from the nearest level."""

    model_config = ConfigDict(from_attributes=True)

    provider: Sourced[str] = Field(examples=[{"value": "openai", "source": "org"}])
    base_url: Sourced[str | None] = Field(examples=[{"value": "https://api.openai.com/v1", "source": "org"}])
    has_key: Sourced[bool]
    model: Sourced[str | None] = Field(examples=[{"value": "gpt-4.1-mini", "source": "partner"}])
    allowed_models: Sourced[list[str]] = Field(examples=[{"value": ["gpt-4.1-mini"], "source": "partner"}])
    prices: dict[str, Sourced[ModelPrice]]


class LlmSettingsOut(BaseModel):
    """`own`: this level's, absent when it never set any; `inherited`: what the levels above give."""

    model_config = ConfigDict(from_attributes=True)

    org_id: UUID
    partner_id: UUID | None
    own: Level | None
    inherited: EffectiveOut
    effective: EffectiveOut


class ClassLlmSettingsOut(BaseModel):
    """A class only narrows `allowed_models`, as a part of the class itself."""

    model_config = ConfigDict(from_attributes=True)

    org_id: UUID
    partner_id: UUID
    class_id: UUID
    effective: EffectiveOut


class LlmProblem(BaseModel):
    code: str
    detail: str = Field(examples=["주소에 닿을 수 없습니다."])


class LlmTestOut(BaseModel):
    """`reachable`: the provider answered. Everything is in order when `problem` is absent."""

    reachable: bool
    status: int | None
    models: list[str] = Field(description="The first 200 that the provider names")
    latency_ms: int | None
    problem: LlmProblem | None


def plain(prices: dict[str, ModelPrice]) -> dict[str, Any]:
    return {name: price.model_dump() for name, price in prices.items()}
