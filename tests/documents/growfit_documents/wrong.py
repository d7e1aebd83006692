"""Files that the product must refuse, each with its own reason, or must not be misled by."""

import io
import struct
import zipfile
import zlib
from typing import NamedTuple

import pymupdf

from growfit_documents.assembly import PAGES_ROOT, assemble
from growfit_documents.readable import PAPER, korean_document, korean_pdf, korean_text, save

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the zip format's earliest date, so that the bytes never change


class Upload(NamedTuple):
    """A file as a browser declares it: the name and the type need not be true."""

    name: str
    content_type: str
    content: bytes


def pdf_without_text(pages: int = 2) -> bytes:
    """A scan, as far as a parser can tell: an image and lines on every page, and no text."""
    document = pymupdf.open()
    for _ in range(pages):
        page = document.new_page(width=PAPER.width, height=PAPER.height)
        page.insert_image(pymupdf.Rect(80, 80, 320, 320), stream=png_bytes())
        page.draw_line((80, 400), (500, 400))
        page.draw_circle((300, 560), 90)
    return bytes(document.tobytes(garbage=3, deflate=True, no_new_id=True))


def encrypted_pdf(password: str = "secret", *, seed: int = 1) -> bytes:
    """Cannot be opened without the password. The one kind that is salted: its bytes differ from call to call."""
    encryption = pymupdf.mupdf.PDF_ENCRYPT_AES_256
    return save(korean_document(2, seed=seed), encryption=encryption, owner_pw=password, user_pw=password)


def truncated_pdf(*, keep: float = 0.6, seed: int = 1) -> bytes:
    """The first part of a sound PDF, as a broken transfer leaves it: the cross-reference table is gone."""
    whole = korean_pdf(3, seed=seed)
    return whole[: int(len(whole) * keep)]


def pdf_header_only() -> bytes:
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"


def pdf_with_zero_pages() -> bytes:
    return assemble({PAGES_ROOT: b"<</Type/Pages/Kids[]/Count 0>>"})


def empty() -> bytes:
    return b""


def one_byte() -> bytes:
    """The first byte of a PDF and no more."""
    return b"%"


def blank_text() -> bytes:
    """Text that has characters but no word: spaces, line ends, a no-break space, a zero-width space."""
    return " \r\n\t\n\u00a0\u3000\u200b\n".encode() * 40


def text_with_nul(*, seed: int = 1) -> bytes:
    """A text file with a NUL in the middle: PostgreSQL refuses such a string, and C code stops reading at it."""
    text = korean_text(seed=seed)
    cut = text.index(b"\n")
    return text[:cut] + b"\x00" + text[cut:]


def broken_utf8(*, seed: int = 1) -> bytes:
    """Korean UTF-8 with bytes that no encoding of Korean explains."""
    return korean_text(seed=seed) + b"\n\xff\xfe\xff\xc0\x80\xf5\x80\x81"


def png_bytes(size: int = 32) -> bytes:
    """A square PNG with a colour gradient; `size` in pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(
        b"\x00" + bytes(c for x in range(size) for c in (x * 8 % 256, y * 8 % 256, 128)) for y in range(size)
    )
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def docx_like_zip() -> bytes:
    """A ZIP with the parts by which a DOCX is recognised."""
    relation = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    parts = {
        "[Content_Types].xml": f'<Types><Override PartName="/word/document.xml" ContentType="{relation}"/></Types>',
        "_rels/.rels": '<Relationships><Relationship Id="r1" Target="word/document.xml"/></Relationships>',
        "word/document.xml": "<w:document><w:body><w:p><w:r><w:t>견본</w:t></w:r></w:p></w:body></w:document>",
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            archive.writestr(zipfile.ZipInfo(name, LONG_AGO), body)
    return target.getvalue()


def html_bytes() -> bytes:
    script = "<script>alert('견본')</script>"
    return f'<!DOCTYPE html>\n<html lang="ko"><head><title>견본</title></head><body>{script}</body></html>\n'.encode()


def exe_bytes() -> bytes:
    """The head of a Windows program: MZ, its PE offset, and the PE signature, with nothing to run."""
    pe_offset = 0x80
    return (
        b"MZ".ljust(0x3C, b"\x00")
        + struct.pack("<I", pe_offset).ljust(pe_offset - 0x3C, b"\x00")
        + b"PE\x00\x00"
        + bytes(240)
    )


def pdf_named_as_txt(*, seed: int = 1) -> Upload:
    """A sound PDF under a text file's name and type."""
    return Upload("notes.txt", "text/plain", korean_pdf(2, seed=seed))


def png_named_as_pdf() -> Upload:
    """A picture under a PDF's name and type."""
    return Upload("report.pdf", "application/pdf", png_bytes())
