"""What of a PDF becomes text, and which PDFs are refused."""

from pathlib import Path

import growfit_documents as documents
import pytest

from ingest.adapters.parsers import pdf
from ingest.adapters.parsers.page import Refused


@pytest.fixture
def file(tmp_path: Path):
    def write(content: bytes) -> Path:
        path = tmp_path / "original"
        path.write_bytes(content)
        return path

    return write


def test_a_pdf_gives_its_pages_in_order(file) -> None:
    pages = list(pdf.pages(file(documents.korean_pdf(3, seed=4))))

    assert [(page.number, page.total) for page in pages] == [(1, 3), (2, 3), (3, 3)]
    for page in pages:
        assert documents.page_fact(page.number, seed=4).sentence in " ".join(page.text.split())


def test_the_spaces_of_korean_words_are_kept_where_there_are_gaps_alone(file) -> None:
    (page,) = pdf.pages(file(documents.gap_spaced_pdf(seed=4)))

    assert " ".join(page.text.split()) == " ".join(documents.korean_page(1, seed=4).paragraphs)


def test_a_pdf_that_only_its_owner_locked_is_read(file) -> None:
    assert len(list(pdf.pages(file(documents.owner_locked_pdf())))) == 2


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
        list(pdf.pages(file(content)))
