import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from retrieval.configured import (
    REMOTE_SHAPE,
    BatchShape,
    ConfiguredModel,
    ConfiguredModels,
    Endpoint,
    ServedModels,
    parse_models,
)
from retrieval.errors import ModelUnknown
from retrieval.models import get_model

KEY = "sk-not-for-logs"
LARGE = {"dimension": 1024, "lexical_weight": 0.1, "max_tokens": 8192, "query_prefix": "q: "}
SERVED = {"base_url": "https://models.example.com/v1", "api_key": KEY}
OWN = Endpoint("http://embedder/v1", "growfit-embedder", "own key")


class Settings(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    embedding_models: ConfiguredModels = {}


def served(**models: dict[str, Any]) -> ServedModels:
    return ServedModels("multilingual-e5-small", OWN, configured=parse_models(json.dumps(models)))


@pytest.mark.parametrize("text", ["", "  ", "{}"])
def test_none_are_configured(text: str) -> None:
    assert Settings(embedding_models=text).embedding_models == {}  # type: ignore[arg-type]


def test_a_configured_model_has_its_values_and_its_server() -> None:
    model, endpoint = served(large=LARGE | SERVED).get("large")

    assert (model.name, model.dimension, model.lexical_weight, model.max_tokens) == ("large", 1024, 0.1, 8192)
    assert (model.query_prefix, model.passage_prefix) == ("q: ", "")
    assert (endpoint.base_url, endpoint.provider) == ("https://models.example.com/v1", "models.example.com")
    assert endpoint.api_key == KEY


def test_without_a_server_of_its_own_the_installation_s_serves_it() -> None:
    assert served(large=LARGE).get("large")[1] == OWN
    assert served(large=LARGE | {"provider": "ours"}).get("large")[1].provider == "ours"


def test_the_own_key_is_given_to_no_other_server() -> None:
    elsewhere = {"base_url": "https://models.example.com/v1", "provider": "example"}
    assert served(large=LARGE | elsewhere).get("large")[1] == Endpoint(
        elsewhere["base_url"], "example", "", REMOTE_SHAPE
    )


def test_calls_are_as_full_as_the_model_s_server_takes_them() -> None:
    own = BatchShape(texts=7, tokens=700, calls_at_once=2)
    here = Endpoint("http://embedder/v1", "growfit-embedder", "own key", own)

    def shape(**said: Any) -> BatchShape:
        models = parse_models(json.dumps({"large": LARGE | said}))
        return ServedModels("multilingual-e5-small", here, configured=models).get("large")[1].shape

    assert shape() == own
    assert shape(batch_texts=3) == BatchShape(3, 700, 2)
    assert shape(**SERVED) == REMOTE_SHAPE
    full = {"batch_texts": 2048, "batch_tokens": 300_000, "calls_at_once": 8}
    assert shape(**SERVED, **full) == BatchShape(2048, 300_000, 8)


def test_the_own_model_is_where_the_settings_say_unless_it_is_configured() -> None:
    own = get_model("multilingual-e5-small")
    assert served().get(own.name) == (own, OWN)
    values = {name: getattr(own, name) for name in ("dimension", "lexical_weight", "max_tokens", "query_prefix")}
    values |= {"passage_prefix": own.passage_prefix, "passage_prefix_tokens": own.passage_prefix_tokens}
    model, endpoint = ServedModels("x", OWN, configured=parse_models(json.dumps({own.name: values | SERVED}))).get(
        own.name
    )
    assert (model, endpoint.base_url) == (own, SERVED["base_url"])


def test_a_model_that_nobody_is_known_to_serve_is_unknown() -> None:
    """Also a registered one: the server of another model would embed with that."""
    for name in ("large", "multilingual-e5-small"):
        with pytest.raises(ModelUnknown, match="EMBEDDING_MODELS"):
            ServedModels("other", OWN, configured={}).get(name)


@pytest.mark.parametrize(
    "models",
    [
        "no json",
        "[]",
        "1",
        {"large": None},
        {"large": []},
        {"large": {}},
        {"large": LARGE | {"dimension": 0}},
        {"large": LARGE | {"dimension": "many"}},
        {"large": LARGE | {"lexical_weight": -1}},
        {"large": LARGE | {"max_tokens": 1.5}},
        {"large": LARGE | {"base_url": "ftp://models"}},
        {"large": LARGE | {"misspelt": 1}},
        {"large": LARGE | {"batch_texts": 0}},
        {"large": LARGE | {"batch_tokens": "many"}},
        {"large": LARGE | {"calls_at_once": 1000}},
        {"": LARGE},
        {"multilingual-e5-small": LARGE},
    ],
)
def test_what_is_wrong_is_told_without_the_keys(models: Any) -> None:
    if isinstance(models, dict):
        models = json.dumps({**models, "good": LARGE | SERVED, "wrong too": {"api_key": KEY}})
    with pytest.raises(ValidationError) as error:
        Settings(embedding_models=models)
    assert KEY not in str(error.value)
    assert all(KEY not in each["msg"] for each in error.value.errors())


def test_keys_are_in_no_repr() -> None:
    models = served(large=LARGE | SERVED)
    assert KEY not in repr(models.get("large"))
    assert KEY not in repr(ConfiguredModel.model_validate(LARGE | SERVED))
    assert KEY not in repr(Settings(embedding_models=json.dumps({"large": LARGE | SERVED})))  # type: ignore[arg-type]


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="lexical_weight"):
        parse_models('{"large": {"dimension": 8, "max_tokens": 10, "lexical_weight": NaN}}')
