"""What holds at a place after org, partner and class have set their parts."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.clock import now
from org_partner.models import LlmSettings
from org_partner.service.effective_models import Source, Sourced, combine


def row(*, partner_id: UUID | None = None, **values: Any) -> LlmSettings:
    base = {"provider": None, "base_url": None, "model": None, "allowed_models": [], "price_override": {}}
    return LlmSettings(settings_id=uuid4(), org_id=uuid4(), partner_id=partner_id, **(base | values))


def org(**values: Any) -> LlmSettings:
    return row(**values)


def partner(**values: Any) -> LlmSettings:
    return row(partner_id=uuid4(), **values)


PLACE = {"provider": "openai", "base_url": "https://api.openai.com/v1"}
OTHER = {"provider": "local", "base_url": "https://llm.school.example/v1"}


def test_without_any_settings_the_platforms_own_model_holds() -> None:
    found = combine([])

    assert found.allowed_models == Sourced(("growfit-extractive",), Source.PLATFORM)
    assert found.model == Sourced("growfit-extractive", Source.PLATFORM)
    assert found.provider == Sourced("growfit", Source.PLATFORM)
    assert found.base_url.value is None
    assert found.has_key.value is False
    assert found.prices == {}


def test_empty_rows_change_nothing() -> None:
    assert combine([org(), partner()]) == combine([])


def test_an_org_brings_models_and_a_place_and_everything_below_has_them() -> None:
    above = org(**PLACE, allowed_models=["a", "b"], model="b", key_set_at=now())

    for found in (combine([above]), combine([above, partner()])):
        assert found.allowed_models == Sourced(("a", "b"), Source.ORG)
        assert found.model == Sourced("b", Source.ORG)
        assert found.base_url == Sourced("https://api.openai.com/v1", Source.ORG)
        assert found.provider == Sourced("openai", Source.ORG)
        assert found.has_key == Sourced(True, Source.ORG)


def test_a_partner_and_a_class_only_narrow() -> None:
    above, below = org(allowed_models=["a", "b", "c"]), partner(allowed_models=["c", "b", "z"])

    assert combine([above, below]).allowed_models == Sourced(("c", "b"), Source.PARTNER)
    assert combine([above, below], ["b", "a"]).allowed_models == Sourced(("b",), Source.CLASS)


def test_a_partner_alone_cannot_widen_what_the_platform_gives() -> None:
    assert combine([partner(allowed_models=["a", "growfit-extractive"])]).allowed_models.value == (
        "growfit-extractive",
    )


def test_when_an_org_narrows_everything_below_is_narrower_at_once() -> None:
    found = combine([org(allowed_models=["a"]), partner(allowed_models=["b"], model="b")], ["b"])

    assert found.allowed_models.value == ()
    assert found.model == Sourced(None, Source.CLASS)


@pytest.mark.parametrize(
    ("levels", "class_models", "model"),
    [
        ([org(allowed_models=["a", "b"], model="a"), partner(model="b")], [], Sourced("b", Source.PARTNER)),
        ([org(allowed_models=["a", "b"], model="a"), partner(model="b")], ["a"], Sourced("a", Source.ORG)),
        ([org(allowed_models=["a", "b"], model="a"), partner(model="gone")], [], Sourced("a", Source.ORG)),
        ([org(allowed_models=["a", "b"])], [], Sourced("a", Source.ORG)),
        ([org(allowed_models=["a", "b"])], ["b"], Sourced("b", Source.CLASS)),
        ([org(allowed_models=["a", "growfit-extractive"])], [], Sourced("growfit-extractive", Source.PLATFORM)),
    ],
)
def test_the_default_is_the_nearest_choice_that_is_still_allowed(levels, class_models, model) -> None:
    assert combine(levels, class_models).model == model


def test_a_key_never_goes_to_another_levels_place() -> None:
    found = combine([org(**PLACE, key_set_at=now()), partner(**OTHER)])

    assert found.base_url == Sourced("https://llm.school.example/v1", Source.PARTNER)
    assert found.provider == Sourced("local", Source.PARTNER)
    assert found.has_key == Sourced(False, Source.PARTNER)


def test_prices_come_each_from_the_nearest_level_that_names_the_model() -> None:
    price = {"input": "1", "output": "2", "currency": "USD"}
    cheap = {"input": "0", "output": "0", "currency": "KRW"}

    found = combine([org(price_override={"a": price, "b": price}), partner(price_override={"b": cheap})])

    assert found.prices == {"a": Sourced(price, Source.ORG), "b": Sourced(cheap, Source.PARTNER)}
