"""What is looked at before any ZIP is opened: sizes, names, types, macros, document types."""

import io
import stat
import zipfile

import growfit_documents as documents
import pytest
from growfit_documents import hangul, office
from growfit_documents.ole import ole_file

from ingest.adapters.parsers.archive import Limits, check, opened, zip_media_type
from ingest.adapters.parsers.media import DOCX, HWPX, PPTX, XLSX
from ingest.adapters.parsers.page import Refused

DOCTYPE = '<?xml version="1.0" encoding="{}"?>\n<!DOCTYPE w [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><w>&b;</w>'
EXTERNAL = '<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]><w>&x;</w>'
MACRO_MAIN = b"application/vnd.ms-word.document.macroEnabled.main+xml"


@pytest.fixture(scope="module")
def word() -> bytes:
    return office.docx(1)


@pytest.fixture
def file(tmp_path):
    def write(content: bytes):
        path = tmp_path / "original"
        path.write_bytes(content)
        return path

    return write


def with_entry(content: bytes, info: zipfile.ZipInfo, body: bytes = b"x") -> bytes:
    target = io.BytesIO(content)
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr(info, body)
    return target.getvalue()


def symlink() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("word/media/link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def patched(content: bytes, *, name: bytes, at: int, value: bytes) -> bytes:
    """The directory's record of the entry with other bytes at a place."""
    record = content.rindex(b"PK\x01\x02", 0, content.rindex(name))
    return content[: record + at] + value + content[record + at + len(value) :]


@pytest.mark.parametrize(
    ("make", "media_type"),
    [(office.docx, DOCX), (office.pptx, PPTX), (office.xlsx, XLSX), (hangul.hwpx, HWPX)],
    ids=["docx", "pptx", "xlsx", "hwpx"],
)
def test_the_parts_say_what_it_is(file, make, media_type) -> None:
    path = file(make())

    assert zip_media_type(path) == media_type
    with opened(path, media_type) as archive:
        assert archive.testzip() is None
    for other in {DOCX, PPTX, XLSX, HWPX} - {media_type}:
        with pytest.raises(Refused, match=r"^file_not_what_it_says$"):
            check(path, other)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"PK\x03\x04" + bytes(100),
        documents.png_bytes(),
        office.zip_of({"a.txt": "글"}),
        office.zip_of({"mimetype": "application/epub+zip", "Contents/content.hpf": "<a/>"}),
        office.zip_of({"[Content_Types].xml": "<Types/>", "_rels/.rels": "<Relationships/>"}),
        office.zip_of({"inner.docx": documents.docx_like_zip()}),
    ],
    ids=["empty", "two letters", "a head", "picture", "a text", "a book", "no parts", "a document inside"],
)
def test_what_is_no_document(file, content: bytes) -> None:
    path = file(content)

    assert zip_media_type(path) is None
    with pytest.raises(Refused, match=r"^(file_not_what_it_says|file_damaged)$"):
        check(path, DOCX)


@pytest.mark.parametrize("entities", [DOCTYPE.format("UTF-8"), EXTERNAL, " " * 600_000 + EXTERNAL])
@pytest.mark.parametrize("part", ["word/document.xml", "word/styles.xml", "customXml/odd.bin"])
def test_document_types_are_refused_wherever_they_are(file, word: bytes, part: str, entities: str) -> None:
    with pytest.raises(Refused, match=r"^xml_unsafe$"):
        check(file(office.rezipped(word, {part: entities.encode()})), DOCX)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037", "euc_kr"])
def test_an_odd_encoding_hides_no_document_type(file, word: bytes, encoding: str) -> None:
    content = DOCTYPE.format(encoding).encode(encoding)
    with pytest.raises(Refused, match=r"^(xml_unsafe|file_damaged)$"):
        check(file(office.rezipped(word, {"word/document.xml": content})), DOCX)


def test_a_picture_may_have_a_document_type(file, word: bytes) -> None:
    check(file(office.rezipped(word, {"word/media/a.svg": b"<!DOCTYPE svg><svg/>"})), DOCX)


@pytest.mark.parametrize(
    "limits", [Limits(entries=5), Limits(total_bytes=20_000), Limits(ratio=1)], ids=["entries", "bytes", "ratio"]
)
def test_too_much_is_refused(file, word: bytes, limits: Limits) -> None:
    check(file(word), DOCX)
    with pytest.raises(Refused, match=r"^archive_too_large$"):
        check(file(word), DOCX, limits=limits)


def test_a_bomb_beside_much_that_cannot_be_deflated_is_one_all_the_same(file, word: bytes) -> None:
    """The file as a whole swells by less than a hundred, one entry of it by a thousand."""
    import random  # noqa: PLC0415

    noise = random.Random(1).randbytes(200_000)
    content = office.rezipped(word, {"word/media/noise.bin": noise, "word/media/bomb.bin": bytes(4_000_000)})
    with pytest.raises(Refused, match=r"^archive_too_large$"):
        check(file(content), DOCX)


def test_what_an_entry_declares_is_not_believed(file, word: bytes) -> None:
    content = office.rezipped(word, {"word/media/bomb.bin": bytes(500_000)})
    lying = patched(content, name=b"word/media/bomb.bin", at=24, value=(10).to_bytes(4, "little"))
    with pytest.raises(Refused, match=r"^file_damaged$"):
        check(file(lying), DOCX)


def test_a_directory_of_hundreds_of_thousands_of_entries_is_not_read(file) -> None:
    end = b"PK\x05\x06" + bytes(8) + (200 * 2**20).to_bytes(4, "little") + bytes(6)
    path = file(b"PK\x03\x04" + bytes(100) + end)

    assert zip_media_type(path) is None
    with pytest.raises(Refused, match=r"^archive_too_large$"):
        check(path, DOCX)


@pytest.mark.parametrize(
    "name",
    ["../evil.xml", "/etc/passwd", "word/../../a", "C:\\a.xml", "..\\a", "word/a\u202egnp.exe", "word/a\x07.xml"],
)
def test_names_that_lead_elsewhere(file, word: bytes, name: str) -> None:
    with pytest.raises(Refused, match=r"^archive_unsafe$"):
        check(file(office.rezipped(word, {name: b"x"})), DOCX)


def test_symlinks_doubles_and_odd_methods(file, word: bytes) -> None:
    packed = zipfile.ZipInfo("word/a.bin")
    packed.compress_type = zipfile.ZIP_LZMA
    for info in (symlink(), zipfile.ZipInfo("WORD/document.xml"), packed):
        with pytest.raises(Refused, match=r"^archive_unsafe$"):
            check(file(with_entry(word, info)), DOCX)


@pytest.mark.parametrize(
    "changes",
    [
        {"word/vbaProject.bin": b"x"},
        {"word/VBAPROJECT.BIN": b"x", "[Content_Types].xml": (f"{DOCX}.main+xml".encode(), MACRO_MAIN)},
        {"xl/macrosheets/sheet1.xml": b"<a/>"},
    ],
)
def test_macros(file, word: bytes, changes) -> None:
    path = file(office.rezipped(word, changes))

    assert zip_media_type(path) == DOCX
    with pytest.raises(Refused, match=r"^macros_refused$"):
        check(path, DOCX)


def test_passwords_of_both_kinds(file, word: bytes) -> None:
    encrypted = patched(word, name=b"word/document.xml", at=8, value=b"\x01\x00")
    for content in (encrypted, ole_file({"EncryptedPackage": bytes(5000), "EncryptionInfo": b"x"})):
        with pytest.raises(Refused, match=r"^file_encrypted$"):
            check(file(content), DOCX)


def test_an_old_word_file_is_not_what_its_name_says(file) -> None:
    with pytest.raises(Refused, match=r"^file_not_what_it_says$"):
        check(file(ole_file({"WordDocument": bytes(5000)})), DOCX)


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.99])
def test_half_a_file_is_damaged(file, word: bytes, keep: float) -> None:
    with pytest.raises(Refused, match=r"^file_damaged$"):
        check(file(word[: int(len(word) * keep)]), DOCX)


def test_an_archive_inside_is_bytes_like_others(file, word: bytes) -> None:
    check(file(office.rezipped(word, {"word/embeddings/table.xlsx": office.xlsx()})), DOCX)
