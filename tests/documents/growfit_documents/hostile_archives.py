"""Archives that mean harm, dressed as documents of Word, Excel, PowerPoint and HWPX; and an OLE file that loops."""

import io
import stat
import struct
import zipfile
from collections.abc import Mapping

from growfit_documents.wrong import LONG_AGO

MEBIBYTE = 1024 * 1024
_TYPE = "application/vnd.openxmlformats-officedocument"
_MAIN = {
    "docx": ("word/document.xml", f"{_TYPE}.wordprocessingml.document.main+xml"),
    "xlsx": ("xl/workbook.xml", f"{_TYPE}.spreadsheetml.sheet.main+xml"),
    "pptx": ("ppt/presentation.xml", f"{_TYPE}.presentationml.presentation.main+xml"),
}
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"


def archive(parts: Mapping[str, bytes | str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, body in parts.items():
            made.writestr(zipfile.ZipInfo(name, LONG_AGO), body, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def office(kind: str, main: str | bytes, **more: bytes | str) -> bytes:
    """A file of `kind` with `main` as its main part; in the names of `more`, two underscores are a slash."""
    part, content_type = _MAIN[kind]
    named = {name.replace("__", "/").replace("_dot_", "."): body for name, body in more.items()}
    types = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/{part}" ContentType="{content_type}"/></Types>'
    )
    relations = (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{_RELATION}" Target="{part}"/></Relationships>'
    )
    return archive({"[Content_Types].xml": types, "_rels/.rels": relations, part: main, **named})


def word(text: str, *, prolog: str = "", **more: bytes | str) -> bytes:
    body = f"<w:document {_W}><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>"
    return office("docx", f'<?xml version="1.0"?>{prolog}{body}', **more)


LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)) + "]>"
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY out SYSTEM "file:///etc/passwd">]>'


def flat_bomb_docx(megabytes: int = 300) -> bytes:
    return word("끝", word__media__blank_dot_bin=bytes(megabytes * MEBIBYTE))


def text_bomb_docx(megabytes: int = 150) -> bytes:
    return word("가 " * (megabytes * MEBIBYTE // 4))


def sheet_bomb_xlsx(megabytes: int = 150) -> bytes:
    return office("xlsx", "<workbook/>", xl__worksheets__sheet1_dot_xml=b"<row/>" * (megabytes * MEBIBYTE // 6))


def nested_docx(depth: int = 6) -> bytes:
    """An archive in an archive in an archive, each holding ten more copies of the next one's work."""
    inner = archive({"blank": bytes(MEBIBYTE)})
    for _ in range(depth):
        inner = archive({f"{number}.zip": inner for number in range(3)})
    return word("끝", word__embeddings__inner_dot_zip=inner)


def quine_like_docx() -> bytes:
    """An archive that holds itself, as far as that can be made without a search: its own bytes, stored."""
    inner = word("끝")
    for _ in range(4):
        inner = word("끝", word__embeddings__self_dot_docx=inner)
    return inner


def many_entries_docx(count: int = 20_000) -> bytes:
    return word("끝", **{f"word__media__{number}": b"" for number in range(count)})


def entry_named(name: str, kind: str = "docx") -> bytes:
    part = {"docx": word("끝"), "pptx": office("pptx", "<p/>")}[kind]
    target = io.BytesIO(part)
    with zipfile.ZipFile(target, "a") as made:
        made.writestr(zipfile.ZipInfo(name, LONG_AGO), b"x")
    return target.getvalue()


def symlink_docx() -> bytes:
    target = io.BytesIO(word("끝"))
    with zipfile.ZipFile(target, "a") as made:
        link = zipfile.ZipInfo("word/media/image1.png", LONG_AGO)
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        made.writestr(link, "/etc/passwd")
    return target.getvalue()


def lying_size_docx(megabytes: int = 200) -> bytes:
    """The directory says that a part has ten bytes; it inflates to `megabytes` MiB."""
    whole = bytearray(text_bomb_docx(megabytes))
    at = whole.find(b"PK\x01\x02")
    while at >= 0:
        length = struct.unpack_from("<H", whole, at + 28)[0]
        if whole[at + 46 : at + 46 + length] == b"word/document.xml":
            struct.pack_into("<I", whole, at + 24, 10)
            struct.pack_into("<I", whole, struct.unpack_from("<I", whole, at + 42)[0] + 22, 10)
        at = whole.find(b"PK\x01\x02", at + 4)
    return bytes(whole)


def macro_docx() -> bytes:
    """Named without macros, holding them."""
    return word("끝", word__vbaProject_dot_bin=b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504))


def laughing(kind: str) -> bytes:
    if kind == "docx":
        return word("&a9;", prolog=LAUGHS)
    if kind == "hwpx":
        section = f'<?xml version="1.0"?>{LAUGHS}<s>&a9;</s>'
        return archive({"mimetype": "application/hwp+zip", "Contents/section0.xml": section})
    return office(kind, f'<?xml version="1.0"?>{LAUGHS}<x>&a9;</x>')


def outside_docx() -> bytes:
    return word("&out;", prolog=OUTSIDE)


def half_docx() -> bytes:
    whole = word("끝" * 1000)
    return whole[: len(whole) // 2]


def plain_zip() -> bytes:
    return archive({"readme.txt": "hello"})


def locked_docx() -> bytes:
    """Its entries claim to be encrypted."""
    whole = bytearray(word("끝"))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = whole.find(signature)
        while at >= 0:
            whole[at + flags] |= 1
            at = whole.find(signature, at + 4)
    return bytes(whole)


def looping_ole() -> bytes:
    """An OLE file whose table of sectors leads from each sector to itself."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<IIIIIIII", header, 44, 1, 1, 0, 4096, 0, 1, 0, 0)
    struct.pack_into("<109I", header, 76, 0, *[0xFFFFFFFF] * 108)
    return bytes(header) + struct.pack("<128I", *range(128)) + bytes(512 * 4)


def deep_html(depth: int = 200_000) -> bytes:
    return b"<!doctype html><html><body>" + b"<div>" * depth + "끝까지 왔다".encode() + b"</div>" * depth


def laughing_html() -> bytes:
    return f"<!DOCTYPE html {LAUGHS[12:]}<html><body>&a9; 끝</body></html>".encode()


def endless_csv(megabytes: int = 20) -> bytes:
    """One line, without any end."""
    return b"a,b,c," * (megabytes * MEBIBYTE // 6)


def wide_csv(columns: int = 300_000) -> bytes:
    return (",".join(["x"] * columns) + "\n").encode() * 5
