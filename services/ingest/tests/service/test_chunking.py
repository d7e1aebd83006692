"""Chunks: whole sentences of one page, bounded in tokens, with offsets that give back their text."""

import time
from itertools import pairwise

import growfit_documents as documents
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.ports import PageText
from ingest.service.chunking import chunk, split

LONGEST_SENTENCE = 400
# What documents are made of, and what breaks cutters: marks, closers, bullets, spaces of all kinds, long runs.
PIECES = st.one_of(
    st.sampled_from(
        [
            *("한국어 문장이다.", "Is it?", "그렇다!”", "…", ".)))", "- 항목", "1. ", "제3장 ", "## 제목", "가" * 150),
            *("\n", "\n\n", " ", "\t", "\u3000", "\u00a0", "\x1c", "x" * 450, " " * 250, "…" * 90, "🎓", "\u200b"),
        ]
    ),
    st.text(max_size=20),
)
TEXTS = st.lists(PIECES, max_size=30).map("".join)


def blank(text: str) -> bool:
    return not text or text.isspace()


async def words(texts: list[str]) -> list[int]:
    return [len(text.split()) + 2 for text in texts]


@given(TEXTS)
def test_sentences_are_trimmed_ordered_bounded_and_leave_nothing_out(text: str) -> None:
    spans = list(split(text))

    assert all(span.start < span.end <= span.start + LONGEST_SENTENCE for span in spans)
    assert all(text[span.start : span.end] == text[span.start : span.end].strip() for span in spans)
    borders = [0, *(border for span in spans for border in (span.start, span.end)), len(text)]
    assert borders == sorted(borders)
    between = zip(borders[::2], borders[1::2], strict=True)
    assert all(blank(text[start:end]) for start, end in between)


@settings(max_examples=60)
@given(pages=st.lists(TEXTS, max_size=4), size=st.integers(1, 60), weights=st.lists(st.integers(0, 50), min_size=1))
async def test_chunks_are_whole_sentences_within_the_size(pages: list[str], size: int, weights: list[int]) -> None:
    counted: dict[str, int] = {}

    async def count(texts: list[str]) -> list[int]:
        counted.update({text: weights[len(text) % len(weights)] for text in texts})
        return [counted[text] for text in texts]

    texts = [PageText(number, len(pages), text) for number, text in enumerate(pages, start=1)]
    made = await chunk(texts, size=size, count_tokens=count)

    assert [each.ordinal for each in made] == list(range(len(made)))
    assert [each.page for each in made] == sorted(each.page for each in made)
    for page, text in enumerate(pages, start=1):
        own = [each for each in made if each.page == page]
        spans = [(span.start, span.end) for span in split(text)]
        starts, ends = [start for start, _ in spans], [end for _, end in spans]
        held = [(starts.index(each.char_start), ends.index(each.char_end)) for each in own]
        assert all(each.text == text[each.char_start : each.char_end] for each in own)
        assert {n for first, last in held for n in range(first, last + 1)} == set(range(len(spans)))
        for first, last in held:
            tokens = [counted[text[start:end]] for start, end in spans[first : last + 1]]
            assert len(tokens) == 1 or sum(tokens) <= size
        for (first, last), (after, end) in pairwise(held):
            assert last <= after <= last + 1
            assert (after > first, end > last) == (True, True)


async def test_the_last_sentence_opens_the_next_chunk_when_it_is_short() -> None:
    said = [f"{n}번째 문장은 길이가 거의 같다." for n in range(12)]
    made = await chunk([PageText(1, 1, " ".join(said))], size=32, count_tokens=words)

    assert len(made) > 2
    for one, next_one in pairwise(made):
        last = one.text[one.text.rindex(". ") + 2 :]
        assert next_one.text.startswith(last)


async def test_an_overlap_does_not_make_a_chunk_too_large() -> None:
    """A short sentence before one that fills a chunk by itself."""
    full = " ".join(["가득"] * 29) + " 찬다."
    made = await chunk([PageText(1, 1, f"처음 문장은 그리 길지 않다. 짧다. {full}")], size=32, count_tokens=words)

    assert [each.text for each in made] == ["처음 문장은 그리 길지 않다. 짧다.", full]


async def test_a_sentence_longer_than_the_size_stands_alone_and_is_not_repeated() -> None:
    long = " ".join(["아주"] * 90) + " 길다."
    made = await chunk([PageText(1, 1, f"짧다. {long} 끝이다.")], size=10, count_tokens=words)

    assert [each.text for each in made] == ["짧다.", long, "끝이다."]


async def test_a_korean_page_is_cut_at_its_sentences_alone() -> None:
    page = documents.korean_page(3)
    made = await chunk([PageText(3, 9, page.text)], size=80, count_tokens=words)

    assert len(made) > 2
    assert {each.page for each in made} == {3}
    assert all(each.text.endswith((".", page.heading)) for each in made)
    (holder,) = [each for each in made if page.fact.sentence in each.text][:1]
    assert page.text[holder.char_start : holder.char_end] == holder.text


@pytest.mark.parametrize(
    "text", ["", " \n\t", "가" * 200_000, ". " * 60_000, "\n" * 200_000, ".)" * 60_000, "\n - " * 40_000, "a " * 90_000]
)
def test_odd_input_ends_soon(text: str) -> None:
    started = time.process_time()
    spans = list(split(text))

    assert sum(span.end - span.start for span in spans) <= len(text)
    assert time.process_time() - started < 3


def test_a_list_item_and_a_heading_are_sentences_of_their_own() -> None:
    text = "준비물은 다음과 같다\n- 노트북\n- 충전기\n## 일정\n1. 첫날\n제2장 평가\n방법은 같다"

    assert [text[span.start : span.end] for span in split(text)] == [
        "준비물은 다음과 같다",
        "- 노트북",
        "- 충전기",
        "## 일정",
        "1. 첫날",
        "제2장 평가\n방법은 같다",
    ]
