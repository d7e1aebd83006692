"""One form of text for every source, and the places of what stands in it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.adapters.parsers.page import PageBuilder, clean


def test_a_page_knows_where_its_blocks_are() -> None:
    page = PageBuilder()
    page.add("제목", "heading", level=9)
    page.add(" 본문\r\n둘째 줄 ")
    page.add("\x00 ")
    page.add_row(["이름", "점수", ""], is_header=True)
    page.add_row(["김\n하나", "", "90"])
    page.add_row(["", " "])
    page.add("하나", "item")
    page.add("둘", "item")

    assert page.text == "제목\n\n본문\n둘째 줄\n\n이름 | 점수\n김 하나 |  | 90\n\n하나\n둘"
    assert [(block.kind, block.level, page.text[block.start : block.end]) for block in page.blocks] == [
        ("heading", 6, "제목"),
        ("paragraph", 0, "본문\n둘째 줄"),
        ("header", 0, "이름 | 점수"),
        ("row", 0, "김 하나 |  | 90"),
        ("item", 0, "하나"),
        ("item", 0, "둘"),
    ]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("한\u0000글\u0007 \ud800끝", "한글 끝"),
        ("줄\r\n줄\r줄\n\t칸", "줄\n줄\n줄\n\t칸"),
        (unicodedata.normalize("NFD", "한국어 문서"), "한국어 문서"),
        ("나뉜\u00ad낱말 ex\ufffeample", "나뉜낱말 example"),
        ("\ufdd0\U0010ffff끝", "끝"),
        ("이모지 🎓와 사용자 글자 \ue000", "이모지 🎓와 사용자 글자 \ue000"),
    ],
)
def test_cleaning(text: str, kept: str) -> None:
    assert clean(text) == kept


@given(st.text())
def test_clean_text_can_be_stored_and_is_cleaned_once(text: str) -> None:
    cleaned = clean(text)

    assert "\x00" not in cleaned
    cleaned.encode()
    assert clean(cleaned) == cleaned
