"""The embedding models of an installation: its own, and those that the setting EMBEDDING_MODELS adds.

That is a JSON object:

{"bge-m3": {"dimension": 1024, "lexical_weight": 0.1, "max_tokens": 8192, "base_url": "https://…/v1", "api_key": "…"}}

How many texts and tokens a call to its server may carry, and how many calls run at once, are `batch_texts`,
`batch_tokens` and `calls_at_once`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from retrieval.errors import ModelUnknown
from retrieval.models import EmbeddingModel, get_model

_OF_THE_SERVER = {"base_url", "api_key", "provider", "batch_texts", "batch_tokens", "calls_at_once"}
_FORM = 'it must be a JSON object, as {"bge-m3":{"dimension":1024,"lexical_weight":0.1,"max_tokens":8192,…}}'


@dataclass(frozen=True, slots=True)
class BatchShape:
    """What one call carries at most, by `estimate_tokens`, and how many calls run at once."""

    texts: int
    tokens: int
    calls_at_once: int


# The installation's own server takes a list apart and gives each core one text at a time, so that what a call carries
# decides nothing but what a call costs: 16 texts hide that, and more would let one document wait longer for another's.
OWN_SHAPE = BatchShape(texts=16, tokens=16_000, calls_at_once=3)
# Within the limits of all well-known providers, of which the narrowest take 96 texts, or 16,384 tokens.
REMOTE_SHAPE = BatchShape(texts=96, tokens=16_000, calls_at_once=4)


class ConfiguredModel(BaseModel):
    """What EMBEDDING_MODELS says of a model: see `EmbeddingModel`, and where it is served.

    Without `base_url` the installation's own server serves it, with the own key and under the own provider's name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    dimension: int = Field(ge=1, le=65_536)
    lexical_weight: float = Field(ge=0)
    max_tokens: int = Field(ge=1)
    query_prefix: str = ""
    passage_prefix: str = ""
    passage_prefix_tokens: int = Field(default=0, ge=0)
    special_tokens: int = Field(default=2, ge=0)
    average_terms: int = Field(default=120, ge=1)
    base_url: str = Field(default="", pattern=r"^(https?://[^\s/]+\S*)?$")
    api_key: SecretStr = SecretStr("")
    provider: str = Field(default="", max_length=200)
    batch_texts: int | None = Field(default=None, ge=1, le=10_000)
    batch_tokens: int | None = Field(default=None, ge=1)
    calls_at_once: int | None = Field(default=None, ge=1, le=64)

    def model(self, name: str) -> EmbeddingModel:
        return EmbeddingModel(name=name, **self.model_dump(exclude=_OF_THE_SERVER))

    def shape(self, own: BatchShape) -> BatchShape:
        default = REMOTE_SHAPE if self.base_url else own
        return BatchShape(
            self.batch_texts or default.texts,
            self.batch_tokens or default.tokens,
            self.calls_at_once or default.calls_at_once,
        )


def parse_models(value: Any) -> Any:
    """For settings, before pydantic's own look: text of the environment, where an empty one means none.

    Raises:
        ValueError: it is something else, or says other things of a model that is registered. Without the text: it
            holds keys.
    """
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value) if value.strip() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(_FORM)  # noqa: TRY004  pydantic's
    return {name: _parse(name, said) for name, said in found.items()}


def _parse(name: str, said: Any) -> ConfiguredModel:
    try:
        parsed = ConfiguredModel.model_validate(said)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ValueError(f"{name!r}: {wrong}") from None
    try:
        registered = get_model(name)
    except ModelUnknown:
        registered = None
    if not name.strip() or registered not in (None, parsed.model(name)):
        raise ValueError(f"{name!r} is no name, or that of a model that is registered with other values")
    return parsed


# The type of the setting. pydantic-settings must not decode it: add its NoDecode.
ConfiguredModels = Annotated[dict[str, ConfiguredModel], BeforeValidator(parse_models)]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is served, the name that its usage is booked under, and what calls it is fastest with."""

    base_url: str
    provider: str
    api_key: str = field(repr=False)
    shape: BatchShape = OWN_SHAPE


class ServedModels:
    """The models that this process can embed with: the installation's `own`, and those that are configured."""

    def __init__(self, own: str, endpoint: Endpoint, *, configured: Mapping[str, ConfiguredModel]) -> None:
        self._own, self._endpoint = own, endpoint
        self._configured = dict(configured)

    def get(self, name: str) -> tuple[EmbeddingModel, Endpoint]:
        """Raises ModelUnknown, also for a registered model of which nobody says where it is served: another model's
        server might answer for it, with vectors that mean nothing in its index.
        """
        said = self._configured.get(name)
        if said is not None:
            return said.model(name), self._endpoint_of(said)
        if name != self._own:
            raise ModelUnknown(f"no server of an embedding model {name!r} is known: add it to EMBEDDING_MODELS")
        return get_model(name), self._endpoint

    def _endpoint_of(self, said: ConfiguredModel) -> Endpoint:
        own, shape = self._endpoint, said.shape(self._endpoint.shape)
        if not said.base_url:
            return Endpoint(own.base_url, said.provider or own.provider, own.api_key, shape)
        # The own key is nobody else's to see.
        provider = said.provider or urlsplit(said.base_url).hostname or ""
        return Endpoint(said.base_url, provider, said.api_key.get_secret_value(), shape)
