"""The child's own functions: what of a file becomes text, and which files are refused."""

import unicodedata
from pathlib import Path

import growfit_documents as documents
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.adapters.parser_child import Refused, clean, decode, pdf_pages, text_pages

PAGE_CHARACTERS = 3000


@pytest.fixture
def file(tmp_path: Path):
    def write(content: bytes) -> Path:
        path = tmp_path / "original"
        path.write_bytes(content)
        return path

    return write


def test_a_pdf_gives_its_pages_in_order(file) -> None:
    pages = list(pdf_pages(file(documents.korean_pdf(3, seed=4))))

    assert [(number, total) for number, total, _ in pages] == [(1, 3), (2, 3), (3, 3)]
    for number, _, text in pages:
        assert documents.page_fact(number, seed=4).sentence in " ".join(clean(text).split())


def test_the_spaces_of_korean_words_are_kept_where_there_are_gaps_alone(file) -> None:
    ((_, _, text),) = pdf_pages(file(documents.gap_spaced_pdf(seed=4)))

    assert " ".join(clean(text).split()) == " ".join(documents.korean_page(1, seed=4).paragraphs)


def test_a_pdf_that_only_its_owner_locked_is_read(file) -> None:
    assert len(list(pdf_pages(file(documents.owner_locked_pdf())))) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (documents.truncated_pdf(), "pdf_damaged"),
        (documents.truncated_pdf(keep=0.97), "pdf_damaged"),
        (documents.pdf_header_only(), "pdf_damaged"),
        (documents.pdf_with_zero_pages(), "pdf_damaged"),
        (documents.png_bytes() + b"%%EOF", "pdf_damaged"),
        (b"%PDF-1.7\n" + b"\x00" * 500 + b"\n%%EOF\n", "pdf_damaged"),
        (documents.cyclic_page_tree_pdf(), "pdf_damaged"),
        # The last one: PDFium keeps the number of its last error, and the product has one file per process.
        (documents.encrypted_pdf(), "pdf_encrypted"),
    ],
    ids=["truncated", "almost whole", "header", "no pages", "not a PDF", "zeros", "cycle", "encrypted"],
)
def test_pdfs_that_are_refused(file, content, reason) -> None:
    with pytest.raises(Refused, match=f"^{reason}$"):
        list(pdf_pages(file(content)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_text_in_the_encodings_of_korean(encoding: str) -> None:
    assert decode(documents.korean_text(encoding)) == documents.korean_text().decode()


@pytest.mark.parametrize(
    "content", [documents.broken_utf8(), b"\xff\xfe\x00", b"\xff\xff\xff\xff", b"\xfe\xff\xd8\x00"]
)
def test_bytes_that_are_no_text(content) -> None:
    with pytest.raises(Refused, match=r"^text_undecodable$"):
        decode(content)


@given(st.lists(st.sampled_from(["가나다 라마.", "\n", "\n\n", "x" * 700, " ", "끝"]), max_size=60).map("".join))
def test_pages_of_a_text_give_it_back_whole(text: str) -> None:
    path = _Bytes(text.encode())
    pages = list(text_pages(path))

    assert "".join(page for _, _, page in pages) == text
    assert [(number, total) for number, total, _ in pages] == [(n, len(pages)) for n in range(1, len(pages) + 1)]
    assert all(0 < len(page) <= PAGE_CHARACTERS for _, _, page in pages)
    assert all(len(page) > PAGE_CHARACTERS // 2 for _, _, page in pages[:-1])


class _Bytes:
    """A path whose content is given; hypothesis would write thousands of files."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read_bytes(self) -> bytes:
        return self._content


def test_a_text_is_cut_at_a_paragraph_rather_than_at_a_line_or_a_word() -> None:
    paragraph = "낱말 " * 400 + "\n다음 줄 " + "낱말 " * 300
    first, second, *_ = (page for _, _, page in text_pages(_Bytes(f"{paragraph}\n\n{paragraph}\n\n끝".encode())))

    assert (first, second[:2]) == (paragraph, "\n\n")


def test_a_long_text_takes_time_in_proportion() -> None:
    """Cutting the rest off again and again would copy terabytes for the largest upload."""
    import time  # noqa: PLC0415

    def seconds(pages: int) -> float:
        content = _Bytes(b"x" * PAGE_CHARACTERS * pages)
        started = time.process_time()
        assert sum(1 for _ in text_pages(content)) == pages
        return time.process_time() - started

    assert seconds(16_000) < 2.0


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
