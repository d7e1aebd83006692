"""Pages of original Korean prose from a small grammar: sentence patterns and the words of twenty subjects.

A page depends on its number, the seed and the marker alone, so page 7 of 10 is page 7 of 200, and an expected answer
can be computed without reading the PDF.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

WORDS = Path(__file__).with_name("subjects.ko.json")
PAGE_CHARACTERS = 1_080  # a usual A4 page of Korean text; sentences are added until the page has this many
SENTENCES_PER_PARAGRAPH = 6
SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}")
PARTICLES = {"은": "는", "이": "가", "을": "를", "과": "와", "으로": "로"}
TREES = ("버들", "참죽", "느릅", "가래", "오리", "물푸레", "자작", "노간주", "모감주", "팽나무")
HANGUL_FIRST, HANGUL_LAST, FINALS, FINAL_RIEUL = 0xAC00, 0xD7A3, 28, 8


@dataclass(frozen=True)
class Fact:
    """One statement that stands on a single page of all documents with this seed."""

    code: str
    keeper: str
    value: str

    @property
    def sentence(self) -> str:
        return f"기록 번호 {self.code}의 담당자는 {particle(self.keeper, '이')}고 측정값은 {self.value}이다."

    @property
    def question(self) -> str:
        return f"기록 번호 {self.code}의 측정값은 얼마인가요?"

    @property
    def answer(self) -> str:
        return f"측정값은 {self.value}이다"


@dataclass(frozen=True)
class Page:
    """Text of one page: a heading and paragraphs, each one line of words with single spaces."""

    heading: str
    paragraphs: tuple[str, ...]
    fact: Fact

    @property
    def text(self) -> str:
        return "\n\n".join((self.heading, *self.paragraphs))


def particle(word: str, after_consonant: str) -> str:
    """The word with the particle that its last letter asks for; pairs are named by their form after a consonant."""
    last = ord(word[-1])
    final = (last - HANGUL_FIRST) % FINALS if HANGUL_FIRST <= last <= HANGUL_LAST else 0
    vowel_form = final == 0 or (after_consonant == "으로" and final == FINAL_RIEUL)
    return word + (PARTICLES[after_consonant] if vowel_form else after_consonant)


@cache
def words() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(WORDS.read_text(encoding="utf-8"))
    return loaded


def page_random(number: int, seed: int) -> random.Random:
    return random.Random(f"{seed}/{number}")


def page_fact(number: int, *, seed: int = 1) -> Fact:
    dice = page_random(-number, seed)
    tree = TREES[seed % len(TREES)]
    value = f"{dice.randrange(1_000, 9_999):,}.{dice.randrange(10)}"
    return Fact(code=f"{tree}{seed}-{number:04d}", keeper=invented_name(dice), value=value)


def invented_name(dice: random.Random) -> str:
    return str(dice.choice(words()["families"]) + dice.choice(words()["names"]))


def fill(pattern: str, subject: dict[str, Any], dice: random.Random) -> str:
    thing, other = dice.sample(subject["things"], 2)
    values: dict[str, Callable[[], str]] = {
        "thing": lambda: thing,
        "other": lambda: other,
        "place": lambda: dice.choice(subject["places"]),
        "person": lambda: dice.choice(subject["people"]),
        "name": lambda: invented_name(dice),
        "n": lambda: str(dice.randrange(2, 60)),
        "pct": lambda: str(dice.randrange(3, 97)),
        "big": lambda: f"{dice.randrange(10, 990) * 10:,}",
        "year": lambda: str(dice.randrange(1958, 2026)),
        "month": lambda: str(dice.randrange(1, 13)),
    }

    def slot(found: re.Match[str]) -> str:
        value = values[found[1]]()
        return particle(value, found[2]) if found[2] else value

    return SLOT.sub(slot, pattern)


def sentences(subject: dict[str, Any], dice: random.Random) -> Iterator[str]:
    patterns = [*subject["says"], *words()["generic"]]
    dice.shuffle(patterns)
    for pattern in patterns:
        yield fill(pattern, subject, dice)


def korean_page(number: int, *, seed: int = 1, marker: str | None = None) -> Page:
    """Page `number`, from 1; `marker` is a word that the page also states, to tell one tenant's copy from another's."""
    dice, fact = page_random(number, seed), page_fact(number, seed=seed)
    subject = words()["subjects"][(number + seed) % len(words()["subjects"])]
    heading = f"{number}. {subject['name']}: {dice.choice(subject['things'])}"
    said = [f"이 문서의 표지는 {marker}이다."] if marker else []
    length = sum(map(len, said)) + len(heading) + len(fact.sentence)
    for sentence in sentences(subject, dice):
        if length >= PAGE_CHARACTERS:
            break
        said.append(sentence)
        length += len(sentence) + 1
    said.insert(dice.randrange(1, len(said)), fact.sentence)
    rows = range(0, len(said), SENTENCES_PER_PARAGRAPH)
    return Page(heading, tuple(" ".join(said[at : at + SENTENCES_PER_PARAGRAPH]) for at in rows), fact)
