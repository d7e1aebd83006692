import pytest

from retrieval import models
from retrieval.errors import ModelUnknown
from retrieval.models import EmbeddingModel, get_model, register_model


def test_e5_has_its_prefixes_and_its_measured_weight() -> None:
    model = get_model("multilingual-e5-small")
    assert (model.dimension, model.query_prefix, model.passage_prefix) == (384, "query: ", "passage: ")
    assert (model.lexical_weight, model.max_tokens, model.passage_room) == (0.11, 512, 508)


def test_an_unknown_model_is_told_what_there_is_and_what_to_do() -> None:
    with pytest.raises(ModelUnknown, match=r"'e5-huge'.*multilingual-e5-small.*register_model"):
        get_model("e5-huge")


def test_a_registered_model_is_found_and_cannot_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_MODELS", dict(models._MODELS))
    mine = EmbeddingModel(name="mine", dimension=3, lexical_weight=0.1, max_tokens=10)
    register_model(mine)
    register_model(mine)
    assert get_model("mine") is mine
    with pytest.raises(ValueError, match="other values"):
        register_model(EmbeddingModel(name="mine", dimension=4, lexical_weight=0.1, max_tokens=10))


@pytest.mark.parametrize(
    "wrong",
    [{"dimension": 0}, {"name": ""}, {"lexical_weight": -1.0}, {"lexical_weight": float("nan")}, {"max_tokens": 0}],
)
def test_a_model_that_cannot_work_is_refused(wrong: dict[str, object]) -> None:
    right = {"name": "x", "dimension": 3, "lexical_weight": 0.1, "max_tokens": 10}
    with pytest.raises(ValueError, match=r"positive sizes|negative"):
        EmbeddingModel(**right | wrong)  # type: ignore[arg-type]


def test_no_model_is_made_without_its_measured_weight() -> None:
    with pytest.raises(TypeError, match="lexical_weight"):
        EmbeddingModel(name="x", dimension=3, max_tokens=10)  # type: ignore[call-arg]
