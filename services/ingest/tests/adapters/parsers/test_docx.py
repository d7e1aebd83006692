"""What of a Word file becomes text, and where its headings, items, rows and pages are."""

import growfit_documents as documents
import pytest
from growfit_documents import hangul, office

from ingest.adapters.parsers import docx
from ingest.adapters.parsers.archive import Limits
from ingest.adapters.parsers.page import Refused


def p(text: str, properties: str = "", *, before: str = "") -> str:
    return f"<w:p>{f'<w:pPr>{properties}</w:pPr>' if properties else ''}<w:r>{before}<w:t>{text}</w:t></w:r></w:p>"


def tc(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{p(text)}</w:tc>"


def test_a_document_gives_its_pages_with_headings_items_and_rows(read, outline) -> None:
    first, second = read(docx.pages, office.docx(2, seed=3))

    page = documents.korean_page(1, seed=3)
    table = [("header", "이름 | 과목 | 점수"), ("row", "김하나 | 국어 | 90"), ("row", "이두리 | 수학 | 85")]
    assert outline(first) == [
        ("heading", 1, "운영 안내서"),
        ("heading", 2, page.heading),
        *[("paragraph", text) for text in page.paragraphs],
        ("item", "첫째 항목"),
        ("item", "둘째 항목"),
        *table,
    ]
    assert outline(second)[0] == ("heading", 2, documents.korean_page(2, seed=3).heading)
    assert outline(second)[-3:] == table
    assert "김하나 | 국어 | 90\n이두리 | 수학 | 85" in first.text


def test_pages_that_word_has_written_down_are_the_pages(read) -> None:
    mark = "<w:lastRenderedPageBreak/>"
    long = "낱말 " * 2000
    middle = f"<w:p><w:r><w:t>앞부분</w:t>{mark}<w:t>뒷부분</w:t></w:r></w:p>"
    row = f"<w:tbl><w:tr>{tc('가')}{tc('나')}</w:tr><w:tr><w:tc>{p('다', before=mark)}</w:tc>{tc('라')}</w:tr></w:tbl>"
    pages = [page.text for page in read(docx.pages, office.docx_of(p(long), p("둘", before=mark), middle, row))]

    assert [text.split("\n\n") for text in pages] == [
        [long.strip()],
        ["둘", "앞부분"],
        ["뒷부분", "가 | 나"],
        ["가 | 나\n다 | 라"],
    ]


def test_without_them_pages_are_cut_between_blocks(read) -> None:
    pages = read(docx.pages, office.docx_of(*[p("문단이다. " * 100) for _ in range(12)]))

    assert len(pages) == 3
    assert all(len(page.text) <= 3000 for page in pages)
    assert all(len(page.blocks) == 4 for page in pages)


def test_breaks_that_the_author_set(read) -> None:
    section = '<w:sectPr><w:type w:val="{}"/></w:sectPr>'
    pages = read(
        docx.pages,
        office.docx_of(
            p("하나", section.format("continuous")),
            p("둘", section.format("nextPage")),
            p("셋"),
            p("넷", "<w:pageBreakBefore/>"),
        ),
    )

    assert [page.text for page in pages] == ["하나\n\n둘", "셋", "넷"]


def test_what_is_inserted_counts_and_what_is_deleted_or_hidden_does_not(read) -> None:
    changed = (
        "<w:p><w:r><w:t>처음 </w:t></w:r><w:ins><w:r><w:t>넣은 것</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>지운 것</w:delText></w:r></w:del>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>숨긴 것</w:t></w:r>"
        "<w:r><w:instrText>PAGE</w:instrText><w:tab/><w:t>끝</w:t><w:br/><w:t>줄</w:t></w:r></w:p>"
    )
    control = f"<w:sdt><w:sdtContent>{p('내용 컨트롤')}</w:sdtContent></w:sdt>"
    (page,) = read(docx.pages, office.docx_of(changed, control))

    assert page.text == "처음 넣은 것\t끝\n줄\n\n내용 컨트롤"


def test_footnotes_and_text_boxes_follow_their_paragraph(read) -> None:
    (page,) = read(docx.pages, office.docx_with_footnote("본문에 주가 있다", "각주의 글"))
    assert page.text == "본문에 주가 있다 그다음.\n\n각주의 글"

    box = f"<w:p><w:r><w:t>본문</w:t><w:pict><w:txbxContent>{p('상자')}</w:txbxContent></w:pict></w:r></w:p>"
    (page,) = read(docx.pages, office.docx_of(box, p("다음")))
    assert page.text == "본문\n\n상자\n\n다음"


def test_merged_cells_and_header_rows(read, outline) -> None:
    down, goes_on = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    table = (
        "<w:tbl><w:tblPr><w:tblLook w:firstRow='0'/></w:tblPr>"
        f"<w:tr><w:trPr><w:tblHeader/></w:trPr>{tc('구')}{tc('인구', '<w:gridSpan w:val="2"/>')}</w:tr>"
        f"<w:tr>{tc('서울', down)}{tc('남')}{tc('1')}</w:tr><w:tr>{tc('', goes_on)}{tc('여')}{tc('2')}</w:tr></w:tbl>"
    )
    (page,) = read(docx.pages, office.docx_of(table))

    assert outline(page) == [("header", "구 | 인구"), ("row", "서울 | 남 | 1"), ("row", "서울 | 여 | 2")]


def test_a_table_of_one_cell_is_a_box_around_text(read, outline) -> None:
    box = f"<w:tbl><w:tr><w:tc>{p('상자 제목', '<w:outlineLvl w:val="2"/>')}{p('글')}</w:tc></w:tr></w:tbl>"
    (page,) = read(docx.pages, office.docx_of(box))

    assert outline(page) == [("heading", 3, "상자 제목"), ("paragraph", "글")]


def test_an_empty_document_has_no_page(read) -> None:
    assert read(docx.pages, office.docx_of()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "file_not_what_it_says"),
        (office.pptx(1), "file_not_what_it_says"),
        (hangul.hwp(), "file_not_what_it_says"),
        (office.docx(1)[:5000], "file_damaged"),
        (office.rezipped(office.docx(1), {"word/document.xml": b"<w:document"}), "file_damaged"),
        (office.rezipped(office.docx(1), {"word/document.xml": b"<a/>"}), "file_damaged"),
        (office.rezipped(office.docx(1), {"word/styles.xml": None}), "file_damaged"),
        (office.rezipped(office.docx(1), {"word/vbaProject.bin": b"x"}), "macros_refused"),
        (office.rezipped(office.docx(1), {"word/document.xml": b"<!DOCTYPE a><a/>"}), "xml_unsafe"),
        (office.rezipped(office.docx(1), {"word/document.xml": b"<a>" * 400 + b"</a>" * 400}), "file_damaged"),
    ],
    ids=["empty", "slides", "hwp", "cut", "broken", "other", "no styles", "macros", "entities", "deep"],
)
def test_what_is_refused(read, content, reason) -> None:
    with pytest.raises(Refused, match=f"^{reason}$"):
        read(docx.pages, content)


def test_the_limits_of_archives_hold(read) -> None:
    with pytest.raises(Refused, match=r"^archive_too_large$"):
        read(docx.pages, office.docx(1), limits=Limits(total_bytes=1000))
