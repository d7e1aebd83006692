"""Blocks cut into pages: nothing is lost, nothing is cut that need not be, and what belongs together stays together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.adapters.parsers import flow as flows
from ingest.adapters.parsers.flow import Flow
from ingest.adapters.parsers.grid import Cell, Grid
from ingest.adapters.parsers.page import Refused, clean

WORD = st.sampled_from(["가나다", "라마", "x", "긴낱말" * 20, "\u1100\u1161", "a\u0301"])
TEXT = st.lists(WORD, min_size=1, max_size=40).map(" ".join)
BLOCKS = st.lists(
    st.tuples(st.sampled_from(["heading", "paragraph", "item", "code", "row", "header"]), TEXT), max_size=40
)


@given(BLOCKS, st.integers(50, 400))
def test_every_block_is_on_some_page_in_order_and_exactly_where_it_says(blocks, size) -> None:
    flow = Flow(page_characters=size)
    for kind, text in blocks:
        if kind in ("row", "header"):
            flow.begin_table()
            flow.add_row([text, "끝"], is_header=kind == "header")
        else:
            flow.add(text, kind, level=2 if kind == "heading" else 0)
    pages = list(flow.pages())

    written = "".join(word for page in pages for word in page.text.replace(" | 끝", "").split())
    assert written == clean("".join(word for _, text in blocks for word in text.split()))
    for page in pages:
        at = 0
        for block in page.blocks:
            assert at <= block.start < block.end
            assert not page.text[at : block.start].strip()
            assert page.text[block.start : block.end] == page.text[block.start : block.end].strip()
            at = block.end
        assert at == len(page.text)


def test_a_heading_goes_along_with_what_follows_it() -> None:
    flow = Flow(page_characters=100)
    flow.add("가" * 80)
    flow.add("제목", "heading", level=1)
    flow.add("작은 제목", "heading", level=2)
    flow.add("나" * 30)

    assert [page.text.split("\n\n")[0] for page in flow.pages()] == ["가" * 80, "제목"]


def test_a_table_that_is_cut_shows_its_header_again_and_keeps_its_rows_whole() -> None:
    flow = Flow(page_characters=60)
    flow.begin_table(title="성적")
    flow.add_row(["이름", "점수"], is_header=True)
    for number in range(12):
        flow.add_row([f"학생 {number}", "90"])
    flow.begin_table()
    flow.add_row(["다른 표"])
    pages = [page.text for page in flow.pages()]

    assert len(pages) > 2
    assert all(text.startswith("성적\n\n이름 | 점수\n학생 ") for text in pages)
    rows = [line for text in pages for line in text.splitlines() if line.startswith("학생")]
    assert rows == [f"학생 {number} | 90" for number in range(12)]


def test_a_long_row_is_not_cut_at_a_page() -> None:
    flow = Flow(page_characters=100)
    flow.add_row(["가" * 90, "나" * 90])

    assert [page.text for page in flow.pages()] == ["가" * 90 + " | " + "나" * 90]


def test_a_row_without_end_is_cut_all_the_same() -> None:
    flow = Flow()
    flow.add_row(["가나다 " * flows.LONGEST_ROW])

    assert max(len(page.text) for page in flow.pages()) <= flows.PAGE_CHARACTERS


def test_a_heading_as_long_as_a_paragraph_is_one() -> None:
    flow = Flow()
    flow.add("문장이다. " * 60, "heading", level=1)

    assert [block.kind for page in flow.pages() for block in page.blocks] == ["paragraph"]


def test_too_much_text_is_refused_while_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "MAX_CHARACTERS", 1000)
    flow = Flow()
    for _ in range(90):
        flow.add("열 글자가 되는 문장")
    with pytest.raises(Refused, match=r"^text_too_long$"):
        flow.add("열 글자가 되는 문장" * 10)


def test_merged_cells_stand_in_every_row_that_they_reach_into() -> None:
    grid = Grid()

    assert grid.row([Cell("구", rows=2), Cell("인구", columns=2)]) == ["구", "인구", ""]
    assert grid.row([Cell("남"), Cell("여")]) == ["구", "남", "여"]
    assert grid.row([Cell("강남", column=0), Cell("10", column=2)]) == ["강남", "", "10"]
    assert grid.row([]) == []
    assert len(grid.row([Cell("넓은", columns=10**9)])) == 16_384
