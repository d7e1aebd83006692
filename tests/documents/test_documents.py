import io
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing

import growfit_documents as documents
import pypdfium2
import pytest
from growfit_documents.hostile import MEBIBYTE
from growfit_documents.prose import particle
from growfit_documents.wrong import Upload

PAGES = 200
HOSTILE: list[Callable[[], bytes]] = [
    documents.control_character_pdf,
    documents.cyclic_page_tree_pdf,
    documents.deep_nesting_pdf,
    documents.deep_page_tree_pdf,
    documents.false_count_pdf,
    documents.form_bomb_pdf,
    documents.huge_page_pdf,
    documents.inflation_bomb_pdf,
    documents.page_bomb_pdf,
]


def read(content: bytes, password: str | None = None, *, only: list[int] | None = None) -> list[str]:
    """The words of each page (or of the pages `only`, from 0), as the product's parser sees them, one space between."""
    with closing(pypdfium2.PdfDocument(content, password=password)) as document:
        texts = []
        for number in range(len(document)) if only is None else only:
            with closing(document[number]) as page, closing(page.get_textpage()) as text:
                texts.append(" ".join(text.get_text_range().split()))
        return texts


def page_count(content: bytes) -> int:
    with closing(pypdfium2.PdfDocument(content)) as document:
        return len(document)


@pytest.fixture(scope="module")
def long_pdf() -> bytes:
    return documents.korean_pdf(PAGES, seed=3, marker="푸른소나무")


def test_every_page_keeps_its_words_their_spacing_and_their_order(long_pdf: bytes) -> None:
    for number, text in enumerate(read(long_pdf), start=1):
        page = documents.korean_page(number, seed=3, marker="푸른소나무")
        assert text == " ".join([*page.text.split(), str(number)])


def test_a_page_has_the_length_of_a_usual_page(long_pdf: bytes) -> None:
    lengths = [len(text) for text in read(long_pdf)]
    assert len(lengths) == PAGES
    assert min(lengths) >= 900
    assert max(lengths) <= 1_300


def test_no_two_pages_and_no_two_paragraphs_are_the_same() -> None:
    paragraphs = [text for number in range(1, PAGES + 1) for text in documents.korean_page(number).paragraphs]
    assert len(paragraphs) >= 3 * PAGES
    assert len(set(paragraphs)) == len(paragraphs)


def test_each_fact_stands_on_one_page_alone(long_pdf: bytes) -> None:
    texts = read(long_pdf)
    for number in (1, 57, 113, PAGES):
        fact = documents.page_fact(number, seed=3)
        assert [n for n, text in enumerate(texts, start=1) if fact.code in text] == [number]
        assert fact.sentence in texts[number - 1]
        assert fact.answer in fact.sentence


def test_the_marker_stands_on_every_page_and_nowhere_unasked() -> None:
    assert all("붉은참나무" in text for text in read(documents.korean_pdf(4, marker="붉은참나무")))
    assert not any("붉은참나무" in text for text in read(documents.korean_pdf(4)))


def test_seeds_and_markers_make_different_documents_and_nothing_else_does() -> None:
    kinds = [documents.korean_pdf(3, seed=seed, marker=marker) for seed in (1, 2) for marker in (None, "가", "나")]
    assert len(set(kinds)) == len(kinds)
    assert documents.korean_pdf(3) == documents.korean_pdf(3)
    assert read(documents.korean_pdf(9))[6] == read(documents.korean_pdf(7))[6]


@pytest.mark.parametrize(
    ("word", "pair", "joined"),
    [
        ("기와", "은", "기와는"),
        ("굽", "은", "굽은"),
        ("들보", "과", "들보와"),
        ("손질", "으로", "손질로"),
        ("밭", "으로", "밭으로"),
    ],
)
def test_particles_follow_the_last_letter(word: str, pair: str, joined: str) -> None:
    assert particle(word, pair) == joined


def test_words_set_apart_by_gaps_alone_are_still_words() -> None:
    content = documents.gap_spaced_pdf(seed=5)
    assert read(content) == [" ".join(documents.korean_page(1, seed=5).paragraphs)]
    with closing(pypdfium2.PdfDocument(content)) as document, closing(document[0].get_textpage()) as text:
        blanks = [at for at, char in enumerate(text.get_text_range()) if char.isspace()]
        assert len(blanks) > 100
        assert all(pypdfium2.raw.FPDFText_IsGenerated(text.raw, at) == 1 for at in blanks)


def test_an_encrypted_pdf_asks_for_its_password() -> None:
    content = documents.encrypted_pdf("열쇠말-key")
    for wrong in (None, "secret"):
        with pytest.raises(pypdfium2.PdfiumError, match="password"):
            read(content, wrong)
    assert documents.page_fact(1).sentence in read(content, "열쇠말-key")[0]


def test_a_pdf_locked_for_its_owner_alone_opens_without_a_password() -> None:
    content = documents.owner_locked_pdf()
    assert b"/Encrypt" in content
    assert documents.page_fact(2).sentence in read(content)[1]


def test_a_pdf_without_text_has_pages_and_no_character() -> None:
    assert read(documents.pdf_without_text(pages=3)) == ["", "", ""]


@pytest.mark.parametrize(
    "content",
    [
        documents.truncated_pdf(),
        documents.truncated_pdf(keep=0.95),
        documents.pdf_header_only(),
        documents.pdf_with_zero_pages(),
        documents.one_byte(),
        documents.png_named_as_pdf().content,
    ],
)
def test_what_is_no_sound_pdf_does_not_open(content: bytes) -> None:
    with pytest.raises(pypdfium2.PdfiumError):
        read(content)


def test_a_truncated_pdf_is_the_head_of_a_sound_one() -> None:
    assert page_count(documents.korean_pdf(3)) == 3
    assert documents.korean_pdf(3).startswith(documents.truncated_pdf())


def test_sizes_of_almost_nothing() -> None:
    assert documents.empty() == b""
    assert len(documents.one_byte()) == 1
    assert documents.blank_text().decode().replace("\u200b", "").strip() == ""


def test_content_and_declaration_disagree() -> None:
    named_text, named_pdf = documents.pdf_named_as_txt(), documents.png_named_as_pdf()
    assert isinstance(named_text, Upload)
    assert (named_text.name, named_text.content_type) == ("notes.txt", "text/plain")
    assert page_count(named_text.content) == 2
    assert (named_pdf.name, named_pdf.content_type) == ("report.pdf", "application/pdf")
    assert named_pdf.content == documents.png_bytes()


def test_other_types_begin_and_end_as_their_formats_ask() -> None:
    assert documents.png_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert documents.png_bytes().endswith(b"IEND\xaeB`\x82")
    program = documents.exe_bytes()
    assert program[:2] == b"MZ"
    assert program[int.from_bytes(program[0x3C:0x40], "little") :].startswith(b"PE\x00\x00")
    assert documents.html_bytes().startswith(b"<!DOCTYPE html>")
    with zipfile.ZipFile(io.BytesIO(documents.docx_like_zip())) as archive:
        assert archive.testzip() is None
        assert {"[Content_Types].xml", "word/document.xml"} <= set(archive.namelist())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_korean_text_reads_back_in_its_encoding(encoding: str) -> None:
    content = documents.korean_text(encoding, pages=2)
    text = content.decode(encoding)
    assert text == documents.korean_text(pages=2).decode()
    assert documents.page_fact(2).sentence in text


def test_cp949_and_utf16_are_no_utf8() -> None:
    for encoding in ("cp949", "utf-16"):
        with pytest.raises(UnicodeDecodeError):
            documents.korean_text(encoding).decode()


def test_broken_text_is_broken_in_the_way_it_says() -> None:
    with pytest.raises(UnicodeDecodeError):
        documents.broken_utf8().decode()
    with pytest.raises(UnicodeDecodeError):
        documents.broken_utf8().decode("cp949")
    before, after = documents.text_with_nul().decode().split("\x00")
    assert before + after == documents.korean_text().decode()


def test_markdown_has_headings_and_its_facts() -> None:
    lines = documents.korean_markdown(sections=3).decode().splitlines()
    assert [line[:2] for line in lines if line.startswith("#")].count("##") == 6
    assert f"## {documents.korean_page(2).heading}" in lines
    assert f"- {documents.page_fact(3).sentence}" in lines


@pytest.mark.parametrize("make", HOSTILE)
def test_hostile_pdfs_are_small_and_the_same_every_time(make: Callable[[], bytes]) -> None:
    content = make()
    assert len(content) <= 300_000
    assert content == make()
    assert content.startswith(b"%PDF-")


def test_the_page_bomb_has_all_its_pages() -> None:
    content = documents.page_bomb_pdf(123_456)
    assert page_count(content) == 123_456
    assert read(content, only=[0, 77_777, 123_455]) == [documents.HELLO] * 3


def test_the_inflation_bomb_inflates_to_half_a_gigabyte() -> None:
    content = documents.inflation_bomb_pdf()
    packed = content.split(b"stream\n")[1].split(b"\nendstream")[0]
    inner, inflated, tail = zlib.decompressobj(), 0, zlib.decompress(packed)
    while tail and not inner.eof:
        inflated += len(inner.decompress(tail, MEBIBYTE))
        tail = inner.unconsumed_tail
    assert inflated >= 500_000_000
    assert read(documents.inflation_bomb_pdf(megabytes=2)) == [documents.HELLO]


def test_the_form_bomb_multiplies_its_text() -> None:
    (text,) = read(documents.form_bomb_pdf(fanout=3, depth=2))
    assert text.count("still") == 9
    with closing(pypdfium2.PdfDocument(documents.form_bomb_pdf(fanout=4, depth=3))) as document:
        assert len(list(document[0].get_objects(max_depth=15))) >= 4**3


def test_the_nested_array_and_the_huge_page_still_hold_their_line() -> None:
    assert documents.deep_nesting_pdf(1_000).count(b"[") > 1_000
    assert read(documents.deep_nesting_pdf()) == [documents.HELLO]
    with closing(pypdfium2.PdfDocument(documents.huge_page_pdf())) as document:
        assert document.get_page_size(0) == (10_000_000, 10_000_000)
    assert read(documents.huge_page_pdf()) == [documents.HELLO]


def test_the_false_count_has_one_page() -> None:
    assert b"/Count 2000000000" in documents.false_count_pdf()
    assert read(documents.false_count_pdf(), only=[0]) == [documents.HELLO]


@pytest.mark.parametrize("make", [documents.cyclic_page_tree_pdf, documents.deep_page_tree_pdf])
def test_the_broken_page_trees_claim_pages_that_cannot_be_loaded(make: Callable[[], bytes]) -> None:
    assert page_count(make()) > 0
    with pytest.raises(pypdfium2.PdfiumError, match="load page"):
        read(make())


def test_control_characters_are_in_the_font_map_and_the_line_is_readable() -> None:
    assert b"<41> <0000>" in documents.control_character_pdf()
    assert read(documents.control_character_pdf())[0].endswith(documents.HELLO)
