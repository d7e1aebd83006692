"""What of a slide becomes text, in the order of reading."""

import growfit_documents as documents
import pytest
from growfit_documents import office
from pptx import Presentation

from ingest.adapters.parsers import pptx
from ingest.adapters.parsers.page import Refused


def test_a_slide_is_a_page_in_reading_order(read, outline) -> None:
    first, second = read(pptx.pages, office.pptx(2, seed=3))

    page = documents.korean_page(1, seed=3)
    assert outline(first) == [
        ("heading", 1, page.heading),
        ("item", "첫 줄"),
        ("item", page.fact.sentence),
        ("header", "이름 | 과목 | 점수"),
        ("row", "김하나 | 국어 | 90"),
        ("row", "이두리 | 수학 | 85"),
        ("paragraph", "아래쪽 글상자"),
        ("paragraph", "발표자 노트 1"),
    ]
    assert outline(second)[-1] == ("paragraph", "발표자 노트 2")


def test_groups_columns_merged_cells_and_empty_slides(read, outline) -> None:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    office.add_box(slide, "오른쪽", top=1, left=5)
    office.add_box(slide, "왼쪽\v둘째 줄", top=1.02, left=1)
    table = office.add_slide_table(slide, (("가", ""), ("나", "1"), ("", "2")), top=3)
    table.cell(0, 0).merge(table.cell(0, 1))
    table.cell(1, 0).merge(table.cell(2, 0))
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 10, 10).text_frame.text = "묶음"
    deck.slides.add_slide(deck.slide_layouts[6])
    first, second = read(pptx.pages, office.saved(deck))

    assert outline(first) == [
        ("paragraph", "묶음"),
        ("paragraph", "왼쪽\n둘째 줄"),
        ("paragraph", "오른쪽"),
        ("header", "가"),
        ("row", "나 | 1"),
        ("row", "나 | 2"),
    ]
    assert (second.text, second.blocks) == ("", ())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (office.docx(1), "file_not_what_it_says"),
        (office.pptx(1)[:9000], "file_damaged"),
        (office.rezipped(office.pptx(1), {"ppt/slides/slide1.xml": b"<p:sld"}), "file_damaged"),
        (office.rezipped(office.pptx(1), {"ppt/slides/slide1.xml": None}), "file_damaged"),
        (office.rezipped(office.pptx(1), {"ppt/vbaProject.bin": b"x"}), "macros_refused"),
        (office.rezipped(office.pptx(1), {"ppt/slides/slide1.xml": b"<!DOCTYPE a><a/>"}), "xml_unsafe"),
    ],
    ids=["word", "cut", "broken", "missing", "macros", "entities"],
)
def test_what_is_refused(read, content, reason) -> None:
    with pytest.raises(Refused, match=f"^{reason}$"):
        read(pptx.pages, content)
