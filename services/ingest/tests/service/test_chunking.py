"""Chunks: stretches of one page along its structure, bounded in tokens, with offsets that give back their text."""

import json
import math
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import growfit_documents as documents
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.ports import Block, PageText
from ingest.service.chunking import Chunking, ChunkText, chunk
from ingest.service.pieces import MAX_WORD, split
from retrieval.models import EmbeddingModel

SPECIAL = 2
# What documents are made of, and what breaks cutters: marks, closers, bullets, spaces of all kinds, long runs.
PIECES = st.one_of(
    st.sampled_from(
        [
            *("한국어 문장이다.", "Is it?", "그렇다!”", "…", ".)))", "- 항목", "1. ", "제3장 ", "## 제목", "가" * 150),
            *("\n", "\n\n", " ", "\t", "\u3000", "\u00a0", "\x1c", "x" * 450, " " * 250, "…" * 90, "🎓", "\u200b"),
            *("수강료 | 480,000원 | 기초반", "a | ", "환불은 개강 전까지 전액입니다. "),
        ]
    ),
    st.text(max_size=20),
)
TEXTS = st.lists(PIECES, max_size=30).map("".join)
KINDS = st.sampled_from(["heading", "paragraph", "item", "header", "row", "row", "row", "code"])
BLOCKS = st.lists(st.tuples(KINDS, st.lists(PIECES, min_size=1, max_size=8).map("".join)), max_size=12)


@dataclass(frozen=True)
class Counter:
    """Tokens as the model counts them: every word by itself, with two more around a text."""

    cost: float = 0.3

    def text(self, text: str) -> int:
        return sum(max(1, math.ceil(len(word) * self.cost)) if word != ">" else 1 for word in text.split())

    async def __call__(self, texts: list[str]) -> list[int]:
        return [self.text(text) + SPECIAL for text in texts]


def model_of(window: int) -> EmbeddingModel:
    return EmbeddingModel(name="t", dimension=8, lexical_weight=0.2, max_tokens=window + SPECIAL)


def page_of(parts: list[tuple[str, str]], number: int = 1, total: int = 1) -> PageText:
    """A page as parsers make it: blocks in order, white space between them."""
    text, blocks = "", []
    for kind, raw in parts:
        said = (" ".join(raw.split()) if kind in ("header", "row", "heading") else raw).strip()
        if said:
            text += "\n\n" if text else ""
            blocks.append(Block(kind, len(text), len(text) + len(said), len(said) % 3 + 1 if kind == "heading" else 0))
            text += said
    return PageText(number, total, text, tuple(blocks))


async def cut(
    pages: list[PageText], *, window: int = 500, counter: Counter | None = None, **how: Any
) -> list[ChunkText]:
    options = {"overlap": 0} | how
    return await chunk(pages, Chunking(**options), model=model_of(window), count_tokens=counter or Counter(1e-9))


async def cut_one(*parts: tuple[str, str], **how: Any) -> list[str]:
    """The chunks of one page, where every word is a token."""
    return [made.text for made in await cut([page_of(list(parts))], **how)]


@given(TEXTS)
def test_sentences_are_trimmed_ordered_bounded_and_leave_nothing_out(text: str) -> None:
    spans = list(split(text))

    assert all(start < end <= start + MAX_WORD for start, end in spans)
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)
    borders = [0, *(border for span in spans for border in span), len(text)]
    assert borders == sorted(borders)
    between = zip(borders[::2], borders[1::2], strict=True)
    assert all(not text[start:end].strip() for start, end in between)


@settings(max_examples=150, deadline=None)
@given(
    pages=st.lists(st.one_of(BLOCKS, TEXTS), max_size=3),
    window=st.integers(4, 60),
    share=st.integers(10, 120),
    overlap=st.integers(0, 100),
    cost=st.sampled_from([0.05, 0.2, 0.9, 2.5]),
)
async def test_chunks_keep_what_belongs_together(
    pages: list[Any], window: int, share: int, overlap: int, cost: float
) -> None:
    counter, tokens = Counter(cost), max(2, window * share // 100)
    given_pages = [
        page_of(page, number) if isinstance(page, list) else PageText(number, 3, page)
        for number, page in enumerate(pages, start=1)
    ]
    how = {"window": window, "counter": counter, "tokens": tokens, "overlap": (tokens - 1) * overlap // 100}
    made = await cut(given_pages, **how)

    assert made == await cut(given_pages, **how)
    assert [each.ordinal for each in made] == list(range(len(made)))
    assert [each.page for each in made] == sorted(each.page for each in made)
    lead = min(tokens, window) // 4
    for page in given_pages:
        own = [each for each in made if each.page == page.number]
        assert all(page.text[each.char_start : each.char_end] == each.text == each.text.strip() for each in own)
        held = {at for each in own for at in range(each.char_start, each.char_end)}
        assert all(letter.isspace() for at, letter in enumerate(page.text) if at not in held)
        for one, after in pairwise(own):
            assert one.char_start < after.char_start
            assert one.char_end < after.char_end
        for each in own:
            assert_bounded(each, window=window, counter=counter)
            assert_whole(page, each, limit=window - lead, counter=counter)
        for each in own[:-1]:
            assert_leads(page, each, lead=lead, counter=counter)


def assert_bounded(made: ChunkText, *, window: int, counter: Counter) -> None:
    own = counter.text(made.text)
    assert own <= window or len(made.text.replace(" ", "")) <= window
    if made.context:
        assert own + counter.text(made.context) <= window


def assert_whole(page: PageText, made: ChunkText, *, limit: int, counter: Counter) -> None:
    """A border inside a word or row is there only when that alone is more than a piece may be."""
    for border in (made.char_start, made.char_end):
        start, end = border, border
        while start > 0 and not page.text[start - 1].isspace():
            start -= 1
        while end < len(page.text) and not page.text[end].isspace():
            end += 1
        if start < border < end:
            assert end - start > MAX_WORD or counter.text(page.text[start:end]) > limit
        for block in page.blocks:
            if block.kind in ("row", "header") and block.start < border < block.end:
                assert counter.text(page.text[block.start : block.end]) > limit
                row, at = page.text[block.start : block.end], border - block.start
                if "|" not in row[max(0, at - 2) : at + 2]:
                    first, last = row.rfind(" | ", 0, at), row.find(" | ", at)
                    cell = row[first + 3 if first >= 0 else 0 : last if last >= 0 else len(row)]
                    # A cell is counted with the mark before it.
                    assert counter.text(f"| {cell}") > limit


def assert_leads(page: PageText, made: ChunkText, *, lead: int, counter: Counter) -> None:
    """A heading is not the last line of a text that it does not belong to."""
    own = [block for block in page.blocks if made.char_start <= block.start < made.char_end]
    if own and own[-1].kind == "heading" and counter.text(page.text[own[-1].start : own[-1].end]) <= lead:
        assert all(block.kind in ("heading", "header") for block in own)
        # Headings stand alone only as a list of contents, which is more than may lead a chunk.
        assert (
            counter.text(page.text[own[0].start : made.char_end])
            + max((counter.text(page.text[b.start : b.end]) for b in page.blocks if b.kind == "heading"), default=0)
            > lead
        )


async def test_headings_open_chunks_and_stay_with_what_follows() -> None:
    assert await cut_one(
        ("heading", "제3장 환불"),
        ("heading", "3.1 기한"),
        ("paragraph", "환불은 개강 전까지 전액입니다."),
        ("heading", "3.2 방법"),
        ("paragraph", "학습 누리집에서 신청합니다."),
        ("heading", "제4장 부록"),
        tokens=40,
    ) == [
        "제3장 환불\n\n3.1 기한\n\n환불은 개강 전까지 전액입니다.",
        "3.2 방법\n\n학습 누리집에서 신청합니다.",
        "제4장 부록",
    ]


async def test_a_list_of_contents_fills_chunks_and_leaves_the_last_heading_to_its_text() -> None:
    contents = [("heading", f"{number} 장 제목") for number in range(1, 13)]
    made = await cut_one(*contents, ("paragraph", "본문 " * 14), tokens=16)

    assert [text.count("장") for text in made] == [4, 4, 3, 1]
    assert made[-1].startswith("12 장 제목\n\n본문")


async def test_paragraphs_items_and_code_are_whole_where_they_fit() -> None:
    assert await cut_one(
        ("paragraph", "하나 둘. 셋 넷. 다섯 여섯."),
        ("paragraph", "일곱 여덟. 아홉 열."),
        ("item", "가 나. 다 라."),
        ("code", "for each in rows:\n    print(each)"),
        tokens=8,
    ) == ["하나 둘. 셋 넷. 다섯 여섯.", "일곱 여덟. 아홉 열.\n\n가 나. 다 라.", "for each in rows:\n    print(each)"]


async def test_code_that_does_not_fit_is_cut_between_lines() -> None:
    made = await cut_one(("code", "\n".join(f"x{n} = f(a. b)" for n in range(4))), tokens=8)

    assert made == ["x0 = f(a. b)\nx1 = f(a. b)", "x2 = f(a. b)\nx3 = f(a. b)"]


async def test_a_long_table_repeats_its_header_to_the_model_and_not_in_the_citation() -> None:
    rows = [("row", f"{n}반 | {n}주 | {n}0,000원") for n in range(1, 9)]
    page = page_of([("heading", "개설 과정"), ("paragraph", "표를 보세요."), ("header", "과정 | 기간"), *rows])
    made = await cut([page], tokens=24)

    assert [each.text.splitlines()[0] for each in made] == ["개설 과정", "4반 | 4주 | 40,000원", "8반 | 8주 | 80,000원"]
    assert [each.context for each in made] == ["", *["개설 과정\n과정 | 기간"] * 2]
    assert all(each.headings == ["개설 과정"] for each in made)
    assert sum(each.text.count("과정 | 기간") for each in made) == 1


async def test_a_header_goes_along_with_the_first_row() -> None:
    parts = [("paragraph", "글 " * 9), ("header", "과정 | 기간"), ("row", "기초반 | 8주"), ("row", "활용반 | 9주")]

    assert (await cut_one(*parts, tokens=14))[1] == "과정 | 기간\n\n기초반 | 8주\n\n활용반 | 9주"


async def test_a_table_goes_on_over_the_page_and_ends_with_the_next_paragraph() -> None:
    first = page_of([("header", "과정 | 기간"), ("row", "기초반 | 8주")], 1, 3)
    second = page_of([("row", "활용반 | 9주"), ("paragraph", "끝.")], 2, 3)
    third = page_of([("row", "다른 | 표")], 3, 3)
    made = await cut([first, second, third], tokens=40)

    assert [each.context for each in made] == ["", "과정 | 기간", ""]


async def test_a_row_longer_than_a_chunk_stands_alone_and_is_cut_at_cells_only_for_the_window() -> None:
    long, huge = " | ".join(["셀 값"] * 8), " | ".join(["셀 값"] * 20)
    made = await cut_one(("row", "가 | 나"), ("row", long), ("row", huge), ("row", "다 | 라"), tokens=8, window=30)

    assert made[:2] == ["가 | 나", long]
    assert "".join(made[2:-1]).count("셀 값") == 20
    assert all(text.strip("| ").startswith("셀") and text.strip("| ").endswith("값") for text in made[2:-1])
    assert made[-1] == "다 | 라"


async def test_the_path_of_headings_goes_on_over_pages() -> None:
    pages = [
        PageText(1, 2, "3장\n\n환불 규정\n\n전액입니다.", (Block("heading", 0, 2, 1), Block("heading", 4, 9, 2))),
        PageText(2, 2, "반액입니다.\n\n연락처\n\n전화", (Block("paragraph", 0, 6), Block("heading", 8, 11, 2))),
    ]
    made = await cut(pages, tokens=40)

    assert [(each.text, each.headings, each.context) for each in made] == [
        ("3장\n\n환불 규정\n\n전액입니다.", ["3장", "환불 규정"], ""),
        ("반액입니다.", ["3장", "환불 규정"], "3장 > 환불 규정"),
        ("연락처\n\n전화", ["3장", "연락처"], "3장"),
    ]


async def test_the_ends_of_sentences_are_repeated_as_far_as_the_overlap_goes() -> None:
    said = [f"{n}번째 문장은 길이가 거의 같다." for n in range(12)]
    made = await cut([PageText(1, 1, " ".join(said))], tokens=32, overlap=10)

    assert len(made) == 3
    for one, after in pairwise(made):
        assert after.text.startswith(one.text[-len(" ".join(said[:2])) :].split(". ", 1)[0].lstrip())
        assert after.char_start < one.char_end
    assert [each.text for each in await cut([PageText(1, 1, " ".join(said))], tokens=32, overlap=0)] == [
        " ".join(said[at : at + 6]) for at in (0, 6)
    ]


async def test_an_overlap_does_not_make_a_chunk_too_large() -> None:
    """A short sentence before one that fills a chunk by itself."""
    full = " ".join(["가득"] * 29) + " 찬다."
    made = await cut_one(("paragraph", f"처음 문장은 그리 길지 않다. 짧다. {full}"), tokens=30, overlap=8)

    assert made == ["처음 문장은 그리 길지 않다. 짧다.", full]


async def test_a_sentence_longer_than_the_size_stands_alone_and_is_not_repeated() -> None:
    long = " ".join(["아주"] * 90) + " 길다."

    assert await cut_one(("paragraph", f"짧다. {long} 끝이다."), tokens=10, overlap=3) == ["짧다.", long, "끝이다."]


async def test_a_korean_page_is_cut_at_its_sentences_alone() -> None:
    page = documents.korean_page(3)
    made = await cut([PageText(3, 9, page.text)], tokens=80, overlap=20)

    assert len(made) > 2
    assert {each.page for each in made} == {3}
    assert all(each.text.endswith((".", page.heading)) for each in made)
    (holder,) = [each for each in made if page.fact.sentence in each.text][:1]
    assert page.text[holder.char_start : holder.char_end] == holder.text


async def test_blocks_that_lie_lose_and_double_nothing() -> None:
    text = "하나 둘 셋 넷"
    blocks = (Block("row", 3, 90), Block("heading", 0, 5), Block("row", 50, 60), Block("code", 7, 2))
    made = await cut([PageText(1, 1, text, blocks)], tokens=2, window=4)

    assert " ".join(each.text for each in made) == text


@pytest.mark.parametrize(
    "text", ["", " \n\t", "가" * 200_000, ". " * 60_000, "\n" * 200_000, ".)" * 60_000, "\n - " * 40_000, "a " * 90_000]
)
@pytest.mark.parametrize("kind", ["paragraph", "row", "heading", "code"])
async def test_odd_input_ends_soon(text: str, kind: str) -> None:
    started = time.process_time()
    made = await cut([PageText(1, 1, text, (Block(kind, 0, len(text)),))], tokens=240, counter=Counter(0.5))

    assert sum(len(each.text) for each in made) <= len(text)
    assert time.process_time() - started < 3


def test_a_list_item_and_a_heading_are_sentences_of_their_own() -> None:
    text = "준비물은 다음과 같다\n- 노트북\n- 충전기\n## 일정\n1. 첫날\n제2장 평가\n방법은 같다"

    assert [text[start:end] for start, end in split(text)] == [
        "준비물은 다음과 같다",
        "- 노트북",
        "- 충전기",
        "## 일정",
        "1. 첫날",
        "제2장 평가\n방법은 같다",
    ]


def test_a_chunking_is_recorded_and_read_again() -> None:
    mine = Chunking(tokens=120, overlap=12)

    assert Chunking.from_json(json.loads(json.dumps(mine.as_json()))) == mine
    assert Chunking.from_json({}) == Chunking()


@pytest.mark.parametrize(
    "wrong",
    [
        *({"tokens": 0}, {"tokens": 10, "overlap": 10}, {"overlap": -1}, {"strategy": "structure-0"}),
        *({"tokens": "240"}, {"tokens": True}, {"size": 3}, {"strategy": None}),
    ],
)
def test_a_chunking_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="chunk"):
        Chunking.from_json(wrong)
