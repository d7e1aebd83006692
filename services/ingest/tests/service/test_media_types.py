"""What a file is: decided by its content, and the name may only agree."""

import growfit_documents as documents
import pytest

from chassis.errors import Locale
from contracts.platform import MEDIA_TYPES
from ingest.errors import (
    MACRO_FILE,
    OLD_OFFICE_FORMAT,
    PROTECTED_OFFICE_FILE,
    TYPE_MISMATCH,
    TYPE_UNSUPPORTED,
    UPLOADS_CLOSED,
    WrongType,
)
from ingest.service.media_types import KINDS, SAMPLE_BYTES, decide

PDF, TEXT, MARKDOWN, HTML = "application/pdf", "text/plain", "text/markdown", "text/html"
OPENXML = "application/vnd.openxmlformats-officedocument"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
ZIP = documents.docx_like_zip()
RIFF = b"RIFF\x20\x00\x00\x00"
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
        (KOREAN, "명단.csv", "text/csv"),
        (KOREAN, "명단.TSV", "text/csv"),
        (documents.html_bytes(), "a.html", HTML),
        (documents.html_bytes(), "a", HTML),
        (b"<?xml version='1.0'?>\n<html xmlns='http://www.w3.org/1999/xhtml'/>", "a.htm", HTML),
        (b"<p>a fragment</p>", "a.html", HTML),
        (ZIP, "a.docx", f"{OPENXML}.wordprocessingml.document"),
        (ZIP, "a.pptx", f"{OPENXML}.presentationml.presentation"),
        (ZIP, "A.XLSX", f"{OPENXML}.spreadsheetml.sheet"),
        (ZIP, "문서.hwpx", "application/hwp+zip"),
        (OLE, "문서.hwp", "application/x-hwp"),
        (documents.png_bytes(), "a.png", "image/png"),
        (documents.png_bytes(), "a", "image/png"),
        (b"\xff\xd8\xff\xe0" + bytes(60), "a.jpg", "image/jpeg"),
        (b"\xff\xd8\xff\xe1" + bytes(60), "a.JPEG", "image/jpeg"),
        (RIFF + b"WEBPVP8 ", "a.webp", "image/webp"),
        (b"II*\x00\x08\x00\x00\x00", "a.tif", "image/tiff"),
        (b"MM\x00*\x00\x00\x00\x08", "a.tiff", "image/tiff"),
        # A PDF with something behind it is that PDF; what follows is never looked at, and never served but to save.
        (b"%PDF-1.7\n%%EOF\n" + ZIP, "a.pdf", PDF),
        (b"%PDF-1.7\n<script>alert(1)</script>", "a.pdf", PDF),
    ],
)
def test_accepted(content, name, media_type) -> None:
    assert decide(content[:SAMPLE_BYTES], name, allowed=MEDIA_TYPES) == media_type


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (ZIP, "a.zip"),
        (ZIP, "a"),
        (OLE, "a"),
        (OLE, "a.msg"),
        (documents.exe_bytes(), "a.exe"),
        (documents.exe_bytes(), "a.md"),
        (b"\xef\xbb\xbf\x00\x01\x02\x03 not a text", "a.txt"),
        (b"  \n<?xml version='1.0'?><a/>", "a.txt"),
        (b"<svg onload='alert(1)'/>", "a.html"),
        (b"{\\rtf1\\ansi text}", "a.txt"),
        (documents.text_with_nul(), "a.txt"),
        ("표시가 없는 UTF-16".encode("utf-16-le"), "a.txt"),
        (b"%PDF-1.7\n", "a.doc.exe"),
        # Two files in one: nobody can say which of them is meant.
        (b"<html><!--\n%PDF-1.4\n--></html>", "a.pdf"),
        (b"<html><!--\n%PDF-1.4\n--></html>", "a.html"),
        (ZIP[:30] + b"%PDF-1.7\n" + ZIP[30:], "a.pdf"),
        (ZIP[:30] + b"%PDF-1.7\n" + ZIP[30:], "a.docx"),
        (documents.png_bytes()[:40] + b"%PDF-1.7\n", "a.png"),
        (b"GIF89a=1;alert(document.cookie)//", "a.txt"),
        (b"GIF89a/*<svg onload=alert(1)>*/=1", "a.html"),
        (RIFF + b"WAVEfmt ", "a.webp"),
    ],
)
def test_of_no_accepted_type(content, name) -> None:
    with pytest.raises(WrongType) as refusal:
        decide(content[:SAMPLE_BYTES], name, allowed=MEDIA_TYPES)

    assert refusal.value.message is TYPE_UNSUPPORTED
    assert refusal.value.values["accepted"] == sorted(end for kind in KINDS for end in kind.extensions)


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [
        (b"%PDF-1.7\n", "메모.txt", "PDF"),
        (b"%PDF-1.7\n", "메모.md", "PDF"),
        (b"%PDF-1.7\n", "메모.docx", "PDF"),
        (KOREAN, "보고서.pdf", "TXT"),
        (KOREAN, "보고서.docx", "TXT"),
        (KOREAN, "보고서.hwp", "TXT"),
        (documents.html_bytes(), "메모.txt", "HTML"),
        (b"\xef\xbb\xbf" + documents.html_bytes(), "메모.csv", "HTML"),
        (documents.png_bytes(), "스캔.pdf", "PNG"),
        (documents.png_bytes(), "사진.jpg", "PNG"),
        (ZIP, "메모.txt", "Word/PowerPoint/Excel/HWPX"),
        (ZIP, "문서.hwp", "Word/PowerPoint/Excel/HWPX"),
        (OLE, "문서.hwpx", "HWP"),
    ],
)
def test_content_and_name_disagree(content, name, found) -> None:
    with pytest.raises(WrongType) as refusal:
        decide(content[:SAMPLE_BYTES], name, allowed=MEDIA_TYPES)

    assert refusal.value.message is TYPE_MISMATCH
    assert refusal.value.values == {"extension": name[name.index(".") :], "found": found}


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (OLE, "보고서.doc", OLD_OFFICE_FORMAT),
        (OLE, "보고서.XLS", OLD_OFFICE_FORMAT),
        (OLE, "보고서.ppt", OLD_OFFICE_FORMAT),
        (b"{\\rtf1 text}", "보고서.doc", OLD_OFFICE_FORMAT),
        (b"HWP Document File V3.00 \x1a\x01\x02", "보고서.hwp", OLD_OFFICE_FORMAT),
        (ZIP, "보고서.docm", MACRO_FILE),
        (ZIP, "보고서.xlsm", MACRO_FILE),
        (ZIP, "보고서.pptm", MACRO_FILE),
        (OLE, "보고서.docx", PROTECTED_OFFICE_FILE),
        (OLE, "보고서.xlsx", PROTECTED_OFFICE_FILE),
    ],
)
def test_relatives_of_what_is_taken_say_how_to_save_them(content, name, message) -> None:
    with pytest.raises(WrongType) as refusal:
        decide(content, name, allowed=MEDIA_TYPES)

    assert refusal.value.message is message
    for locale in Locale:
        assert name[name.index(".") :].lower() in message.text(locale, **refusal.value.values)


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
    assert tuple(kind.media_type for kind in KINDS) == MEDIA_TYPES
