"""Headings, paragraphs, items and tables of a PDF, and that their offsets are those of the page's text."""

from pathlib import Path

import growfit_documents as documents
import pymupdf
import pytest
from growfit_documents import typeset

from ingest.adapters.parsers import pdf
from ingest.adapters.parsers.pdf_mupdf import MupdfDocument
from ingest.adapters.parsers.pdf_pdfium import PdfiumDocument

SAMPLE = Path(__file__).parents[5] / "docs" / "samples" / "academy-handbook.ko.pdf"


@pytest.fixture
def read(tmp_path: Path):
    def pages(content: bytes) -> list[tuple[str, list[tuple[str, int, str]]]]:
        path = tmp_path / "original"
        path.write_bytes(content)
        return [
            (page.text, [(block.kind, block.level, page.text[block.start : block.end]) for block in page.blocks])
            for page in pdf.pages(path)
        ]

    return pages


@pytest.mark.parametrize("gap", [None, 0.27])
def test_what_a_person_sees_is_what_the_blocks_say(read, gap) -> None:
    ((text, blocks),) = read(typeset.structured_pdf(gap=gap))

    assert blocks == [
        ("heading", 1, "AI 실습 과정 안내서"),
        ("heading", 1, "1. 수강 신청"),
        (
            "paragraph",
            0,
            "수강 신청은 2027년 1월 11일 오전 10시에 시작합니다.\n신청은 학습 누리집에서만 받습니다.",
        ),
        ("item", 0, "• 신분증 사본을 냅니다."),
        ("item", 0, "• 수강료를 냅니다."),
        ("heading", 1, "2. 실습 시간"),
        ("paragraph", 0, "실습은 아래 시간표를 따릅니다."),
        ("header", 0, "과정 | 요일 | 실습 시간"),
        ("row", 0, "기초반 | 월·수 | 21:00 부터"),
        ("row", 0, "활용반 | 화·목 | 20:00 부터"),
        ("paragraph", 0, "표 아래의 문장입니다."),
    ]
    assert "".join(part for _, _, part in blocks).replace("\n", "") == text.replace("\n", "")


def test_blocks_hold_the_whole_text_of_every_page_of_the_sample() -> None:
    for page in pdf.pages(SAMPLE):
        at = 0
        for block in page.blocks:
            assert page.text[at : block.start].strip() == ""
            assert at <= block.start < block.end <= len(page.text)
            at = block.end
        assert page.text[at:].strip() == ""


def test_headings_and_tables_of_the_sample() -> None:
    pages = {page.number: page for page in pdf.pages(SAMPLE)}
    blocks = [(block.kind, block.level, pages[5].text[block.start : block.end]) for block in pages[5].blocks]

    assert ("heading", 1, "3. 학사 일정과 실습 시간") in blocks
    assert ("heading", 2, "3.2 주간 시간표") in blocks
    assert ("header", 0, "과정 | 요일 | 강의 시간 | 실습 시간") in blocks
    assert ("row", 0, "심화반 | 월·수·금 | 14:00–16:00 | 16:00–18:00") in blocks


def test_text_of_one_size_has_no_headings(read) -> None:
    content, _ = typeset.set_pdf(typeset.SETTINGS["spaces as glyphs"])
    ((_, blocks),) = read(content)

    assert {kind for kind, _, _ in blocks} == {"paragraph"}


def test_a_frame_around_a_paragraph_is_no_table(read) -> None:
    document = pymupdf.open()
    page = document.new_page()
    page.draw_rect((60, 60, 500, 200))
    page.draw_line((60, 240), (500, 240))
    page.insert_text((80, 100), "A sentence in a frame that is drawn around it.")
    page.insert_text((80, 120), "And another one.")
    ((_, blocks),) = read(document.tobytes())

    assert [kind for kind, _, _ in blocks] == ["paragraph"]


@pytest.mark.parametrize("engine", [PdfiumDocument, MupdfDocument])
def test_both_engines_know_outline_size_and_picture(tmp_path: Path, engine) -> None:
    path = tmp_path / "original"
    path.write_bytes(typeset.structured_pdf())
    document = engine(path)
    with document.page(0) as page:
        picture = page.picture(dpi=300, most_pixels=1_000_000)

        assert document.total == 1
        assert document.outline() == {0: [("1. 수강 신청", 1), ("2. 실습 시간", 1)]}
        assert page.width == pytest.approx(595, abs=1)
        assert picture.width * picture.height <= 1_010_000
        assert picture.height <= len(picture.pixels) // picture.stride
        assert min(picture.pixels) < 50
        assert max(picture.pixels) > 200


@pytest.mark.parametrize("engine", [PdfiumDocument, MupdfDocument])
def test_a_page_of_kilometres_is_rendered_small(tmp_path: Path, engine) -> None:
    path = tmp_path / "original"
    path.write_bytes(documents.huge_page_pdf())
    with engine(path).page(0) as page:
        picture = page.picture(dpi=300, most_pixels=10_000)

    assert picture.width * picture.height <= 11_000
