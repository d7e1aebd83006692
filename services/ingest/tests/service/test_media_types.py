"""What a file is: decided by its content, and the name may only agree."""

import growfit_documents as documents
import pytest

from chassis.errors import Locale
from contracts.platform import MEDIA_TYPES
from ingest.errors import TYPE_MISMATCH, TYPE_UNSUPPORTED, UPLOADS_CLOSED, WrongType
from ingest.service.media_types import SAMPLE_BYTES, decide

PDF, TEXT, MARKDOWN = "application/pdf", "text/plain", "text/markdown"
KOREAN = "한국어 문서의 첫 문장이다.".encode()


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "보고서.pdf", PDF),
        (b"%PDF-1.7\n", "REPORT.PDF", PDF),
        (b"%PDF-1.7\n", "이름만", PDF),
        (b"\r\n junk that mail servers add\r\n%PDF-1.4\n", "a.pdf", PDF),
        (KOREAN, "a.txt", TEXT),
        (KOREAN, "a.text", TEXT),
        (KOREAN, "", TEXT),
        (KOREAN, "a.md", MARKDOWN),
        (KOREAN, "a.markdown", MARKDOWN),
        (documents.korean_text("utf-8-sig"), "a.txt", TEXT),
        (documents.korean_text("utf-16"), "a.txt", TEXT),
        (documents.korean_text("cp949"), "a.txt", TEXT),
        (documents.korean_markdown(), "a.md", MARKDOWN),
        (b"line\r\nline\tcolumn\x0cnext page \x1b[1mbold\x1b[0m", "terminal.txt", TEXT),
        (b"%PDF-1.7 is how a PDF begins".rjust(1100), "about-pdf.md", MARKDOWN),
    ],
)
def test_accepted(content, name, media_type) -> None:
    assert decide(content[:SAMPLE_BYTES], name, allowed=MEDIA_TYPES) == media_type


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (documents.png_bytes(), "a.png"),
        (documents.png_bytes(), "a.pdf"),
        (documents.png_bytes(), "a"),
        (documents.docx_like_zip(), "a.docx"),
        (documents.docx_like_zip(), "a.txt"),
        (documents.exe_bytes(), "a.exe"),
        (documents.exe_bytes(), "a.md"),
        (documents.html_bytes(), "a.html"),
        (documents.html_bytes(), "a.txt"),
        (b"\xef\xbb\xbf" + documents.html_bytes(), "a.txt"),
        (b"\xef\xbb\xbf\x00\x01\x02\x03 not a text", "a.txt"),
        (b"  \n<?xml version='1.0'?><a/>", "a.txt"),
        (b"{\\rtf1\\ansi text}", "a.txt"),
        (documents.text_with_nul(), "a.txt"),
        ("표시가 없는 UTF-16".encode("utf-16-le"), "a.txt"),
        (KOREAN, "a.hwp"),
        (KOREAN, "a.csv"),
        (b"%PDF-1.7\n", "a.docx"),
    ],
)
def test_of_no_accepted_type(content, name) -> None:
    with pytest.raises(WrongType) as refusal:
        decide(content[:SAMPLE_BYTES], name, allowed=MEDIA_TYPES)

    assert refusal.value.message is TYPE_UNSUPPORTED
    assert refusal.value.values["accepted"] == [".markdown", ".md", ".pdf", ".text", ".txt"]


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [(b"%PDF-1.7\n", "메모.txt", "PDF"), (b"%PDF-1.7\n", "메모.md", "PDF"), (KOREAN, "보고서.pdf", "TXT")],
)
def test_content_and_name_disagree(content, name, found) -> None:
    with pytest.raises(WrongType) as refusal:
        decide(content, name, allowed=MEDIA_TYPES)

    assert refusal.value.message is TYPE_MISMATCH
    assert refusal.value.values == {"extension": name[name.index(".") :], "found": found}


@pytest.mark.parametrize(
    ("content", "name", "allowed", "types", "accepted"),
    [
        (KOREAN, "a.txt", {PDF}, "PDF (.pdf)", [".pdf"]),
        (KOREAN, "", {PDF, MARKDOWN}, "PDF (.pdf), Markdown (.md, .markdown)", [".markdown", ".md", ".pdf"]),
        (KOREAN, "a.md", {TEXT}, "TXT (.txt, .text)", [".text", ".txt"]),
        (b"%PDF-1.7\n", "a.pdf", {MARKDOWN}, "Markdown (.md, .markdown)", [".markdown", ".md"]),
        (documents.png_bytes(), "a.png", {PDF}, "PDF (.pdf)", [".pdf"]),
    ],
)
def test_of_a_type_that_the_platform_does_not_take(content, name, allowed, types, accepted) -> None:
    with pytest.raises(WrongType) as refusal:
        decide(content[:SAMPLE_BYTES], name, allowed=allowed)

    assert refusal.value.message is TYPE_UNSUPPORTED
    assert (refusal.value.values["types"], refusal.value.values["accepted"]) == (types, accepted)
    for locale in Locale:
        assert types in refusal.value.message.text(locale, **refusal.value.values)


def test_where_no_type_is_taken_the_message_names_none() -> None:
    with pytest.raises(WrongType) as refusal:
        decide(KOREAN, "a.txt", allowed=())

    assert refusal.value.message is UPLOADS_CLOSED


def test_what_the_platform_knows_is_what_is_recognised_here() -> None:
    assert set(MEDIA_TYPES) == {PDF, TEXT, MARKDOWN}
