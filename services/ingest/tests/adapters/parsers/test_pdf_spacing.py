"""The spaces between Korean words, whatever tool set the page, with both engines."""

from pathlib import Path

import pytest
from growfit_documents import typeset

from ingest.adapters.parsers import pdf
from ingest.adapters.parsers.lines import Glyph, is_spread, may_lack_spaces, respaced
from ingest.adapters.parsers.pdf_mupdf import MupdfDocument
from ingest.adapters.parsers.pdf_pdfium import PdfiumDocument

ENGINES = [PdfiumDocument, MupdfDocument]


@pytest.fixture
def file(tmp_path: Path):
    def write(content: bytes) -> Path:
        path = tmp_path / "original"
        path.write_bytes(content)
        return path

    return write


def words(path: Path) -> str:
    return " ".join(" ".join(page.text for page in pdf.pages(path)).split())


@pytest.mark.parametrize("setting", typeset.SETTINGS.values(), ids=typeset.SETTINGS)
@pytest.mark.parametrize("engine", ENGINES)
def test_words_keep_their_spaces(file, engine, setting) -> None:
    content, said = typeset.set_pdf(setting)
    with engine(file(content)).page(0) as page:
        assert " ".join(line.text for line in page.lines()) == said


@pytest.mark.parametrize("setting", typeset.SETTINGS.values(), ids=typeset.SETTINGS)
def test_the_parser_gives_the_words_in_order(file, setting) -> None:
    content, said = typeset.set_pdf(setting, seed=3)

    assert words(file(content)) == said


@pytest.mark.parametrize("tracking", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("engine", ENGINES)
def test_letters_of_a_spread_title_are_words(file, engine, tracking) -> None:
    content, titles = typeset.spread_title_pdf(tracking=tracking)
    with engine(file(content)).page(0) as page:
        assert [line.text for line in page.lines()] == titles


@pytest.mark.parametrize("by_rows", [False, True])
def test_two_columns_are_read_one_after_the_other(file, by_rows) -> None:
    content, said = typeset.two_column_pdf(by_rows=by_rows)

    assert words(file(content)) == said


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_turned_page_is_read_as_it_is_shown(file, angle) -> None:
    content, said = typeset.turned_pdf(angle)

    assert words(file(content)) == said


@pytest.mark.parametrize(
    "text", ["지원하는그래픽하드웨어와목록", "응답은200이고지원하는목록이다", "가나다라마바사아자차카타파하"]
)
def test_a_run_of_letters_without_end_is_looked_at_again(text) -> None:
    assert may_lack_spaces(f"앞 {text} 뒤")


@pytest.mark.parametrize(
    "text", ["수강 신청은 오늘 시작합니다.", "https://example.org/a/b/c?d=e", "internationalization", ""]
)
def test_usual_lines_are_not(text) -> None:
    assert not may_lack_spaces(text)


@pytest.mark.parametrize(
    ("text", "spread"), [("목 차", True), ("교 육 과 정 운 영", True), ("a b c d", False), ("그 일은 끝났다", False)]
)
def test_titles_whose_letters_stand_apart(text, spread) -> None:
    assert is_spread(text) is spread


def test_a_long_word_without_gaps_stays_one() -> None:
    word = "헌법재판소판례모음집편찬위원회"
    glyphs = [Glyph(letter, at * 10.0, at * 10.0 + 10.0) for at, letter in enumerate(word)]

    assert respaced(glyphs) == word


@pytest.mark.parametrize("glyphs", [[], [Glyph(" ", 0, 1)], [Glyph("가", 5, 5), Glyph("나", 5, 5)]])
def test_glyphs_without_width(glyphs) -> None:
    assert respaced(glyphs) == "".join(glyph.text for glyph in glyphs).strip()
