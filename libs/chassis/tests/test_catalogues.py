"""Every message of every error catalogue in the repository, in both languages of the product."""

import importlib
import importlib.util
import re
import string
from collections import Counter
from pathlib import Path

import pytest

from chassis.errors import KINDS, Message

REPOSITORY = Path(__file__).parents[3]
HANGUL = re.compile(r"[가-힣]")


def catalogues() -> list[str]:
    """The errors modules of all installed members, found by their folders."""
    paths = sorted(REPOSITORY.glob("*/*/src/*/errors.py"))
    return [f"{path.parent.name}.errors" for path in paths if importlib.util.find_spec(path.parent.name)]


def messages() -> list[tuple[str, Message]]:
    return [
        (f"{name}.{constant}", value)
        for name in catalogues()
        for constant, value in vars(importlib.import_module(name)).items()
        if isinstance(value, Message)
    ]


MESSAGES = messages()


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_the_catalogues_are_found() -> None:
    assert {"chassis.errors", "identity.errors"} <= set(catalogues())
    assert len(MESSAGES) > 15


@pytest.mark.parametrize("catalogue", catalogues())
def test_a_code_stands_once_in_a_catalogue_and_never_takes_one_of_the_chassis(catalogue: str) -> None:
    known = [message for name, message in MESSAGES if name.startswith((f"{catalogue}.", "chassis."))]
    codes = Counter(message.code for message in {id(message): message for message in known}.values())
    assert [code for code, count in codes.items() if count > 1] == []


def test_a_code_that_two_services_use_tells_the_same_facts() -> None:
    """A code is the problem's type; whoever reads it finds the same members, whichever service answered."""
    facts: dict[str, set[frozenset[str]]] = {}
    for _, message in MESSAGES:
        facts.setdefault(message.code, set()).add(frozenset(fields(message.en)))
    assert {code for code, variants in facts.items() if len(variants) > 1} == set()


@pytest.mark.parametrize(("name", "message"), MESSAGES, ids=[name for name, _ in MESSAGES])
def test_a_message_says_the_same_in_both_languages(name: str, message: Message) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", message.code)
    assert name.rsplit(".", 1)[-1] == message.code.upper(), "a constant is named after its code"
    assert HANGUL.search(message.ko)
    assert message.en
    assert not HANGUL.search(message.en)
    assert fields(message.ko) == fields(message.en)
    assert "" not in fields(message.en), "a field has a name, which is the problem's member"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_kind_has_a_status_and_a_title(kind) -> None:
    assert 400 <= kind.status < 600
    assert HANGUL.search(kind.title.ko)
    assert kind.retryable is (kind.status == 503)
    assert [each.status for each in KINDS].count(kind.status) == 1
