"""Every letter in both languages."""

import re

import pytest

from identity.service.account_tokens import HOURS, Purpose
from identity.service.letters import _EN, _KO, Kind, Letters


class Queue:
    def __init__(self) -> None:
        self.put_in: dict[str, str] = {}

    async def put(self, session, **letter: str) -> None:
        self.put_in = letter


@pytest.mark.parametrize("locale", ["ko", "en"])
@pytest.mark.parametrize("kind", list(Kind))
async def test_it_is_whole(kind, locale) -> None:
    queue = Queue()
    letters = Letters(queue, public_url="https://growfit.example/")
    await letters.put(None, kind, to="a@example.com", locale=locale, token="t" * 43, hours=48)

    text = queue.put_in["text"]
    assert bool(re.search("[가-힣]", text)) == (locale == "ko")
    assert queue.put_in["subject"].startswith("[GrowFit] ")
    assert "\n" not in queue.put_in["subject"]
    assert not re.search(r"[{}]", text)
    assert "//" not in text.replace("https://", "")
    assert ("t" * 43 in text) == ("https://growfit.example/" in text)


def test_both_languages_have_every_letter() -> None:
    assert set(_KO) == set(_EN) == set(Kind)


def test_every_purpose_has_its_letter_and_its_time() -> None:
    assert set(HOURS) == set(Purpose)
    assert {purpose.value for purpose in Purpose} <= {kind.value for kind in Kind}
