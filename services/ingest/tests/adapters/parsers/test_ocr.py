"""Pictures of Korean and English become text, in every format that they come in."""

import difflib
import io
from pathlib import Path

import pytest
from growfit_documents import pictures
from PIL import Image

from ingest.adapters.ocr_languages import find_tessdata, is_complete
from ingest.adapters.parsers import image, ocr, pdf
from ingest.adapters.parsers.job import Job, current
from ingest.adapters.parsers.page import Refused

# Of the words, in order. Tesseract's own measure on a clean scan is 0.96 to 0.98.
GOOD = 0.9


@pytest.fixture(autouse=True)
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pages that OCR was begun for; the process has a job, as in the child."""
    numbers: list[int] = []
    monkeypatch.setattr(ocr, "_begun", [0])
    use("", numbers)
    return numbers


def use(media_type: str, numbers: list[int], **options) -> None:
    limits = {"tessdata": str(find_tessdata()), "max_ocr_pages": 3, "ocr_seconds": 60} | options
    job = Job(path="", media_type=media_type, memory_bytes=0, seconds=0, **limits)
    current.set(job, before_ocr=numbers.append)


@pytest.fixture
def file(tmp_path: Path):
    def write(content: bytes) -> Path:
        path = tmp_path / "original"
        path.write_bytes(content)
        return path

    return write


def likeness(text: str, lines: list[str]) -> float:
    """Share of the words that are there, in order."""
    return difflib.SequenceMatcher(None, " ".join(lines).split(), text.split(), autojunk=False).ratio()


def test_set_up_has_put_both_languages_in_place() -> None:
    folder = find_tessdata()
    assert folder is not None
    assert is_complete(folder)


def test_a_named_folder_is_the_only_one_looked_at(tmp_path: Path) -> None:
    assert find_tessdata(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (pictures.image_bytes("PNG"), "image/png"),
        (pictures.sideways_jpeg(), "image/jpeg"),
        (pictures.image_bytes("WEBP"), "image/webp"),
        (pictures.transparent_png(), "image/png"),
    ],
    ids=["PNG", "a JPEG on its side", "WebP", "letters on nothing"],
)
def test_korean_and_english_are_read(file, begun, content, media_type) -> None:
    use(media_type, begun)
    (page,) = image.pages(file(content))

    assert likeness(page.text, pictures.page_lines()) > GOOD
    assert begun == [1]
    assert page.text[page.blocks[0].start :][:1] == page.text[0]


def test_every_page_of_a_tiff_is_a_page(file, begun) -> None:
    use("image/tiff", begun)
    first, second = image.pages(file(pictures.tiff_of_pages(2)))

    assert [(page.number, page.total) for page in (first, second)] == [(1, 2), (2, 2)]
    assert likeness(second.text, pictures.page_lines(seed=2)) > GOOD
    assert begun == [1, 2]


def test_columns_of_a_scan_are_read_one_after_the_other(file) -> None:
    content, words = pictures.two_column_scan()
    (page,) = image.pages(file(content))

    assert likeness(page.text, [words]) > 0.8


def test_a_scanned_page_of_a_pdf_is_read_and_a_page_with_text_is_not(file, begun) -> None:
    use("application/pdf", begun)
    scan, text = pdf.pages(file(pictures.scan_pdf(1, text_pages=1)))

    assert likeness(scan.text, pictures.page_lines()) > GOOD
    assert text.text.startswith("The registration office opens at nine")
    assert begun == [1]


def test_more_scans_than_allowed_are_refused(file, begun) -> None:
    use("image/tiff", begun, max_ocr_pages=1)
    with pytest.raises(Refused, match=r"^too_many_scans$"):
        list(image.pages(file(pictures.tiff_of_pages(2))))


@pytest.mark.parametrize("content", [pictures.image_bytes("PNG"), pictures.scan_pdf()], ids=["image", "scan"])
def test_without_the_languages_a_picture_says_so(file, begun, content) -> None:
    use("", begun, tessdata="")
    with pytest.raises(Refused, match=r"^ocr_unavailable$"):
        list((pdf if content.startswith(b"%PDF") else image).pages(file(content)))


def test_a_photograph_has_no_text(file) -> None:
    (page,) = image.pages(file(pictures.photograph()))

    assert not any(map(str.isalnum, page.text))


def large_png(width: int, height: int) -> bytes:
    """One bit a pixel, all white: a few kilobytes."""
    target = io.BytesIO()
    Image.new("1", (width, height), 1).save(target, "PNG")
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type", "reason"),
    [
        (large_png(20_000, 20_000), "image/png", "image_too_large"),
        (pictures.image_bytes("PNG"), "image/jpeg", "file_not_what_it_says"),
        (pictures.image_bytes("PNG")[:2_000], "image/png", "file_damaged"),
        (pictures.image_bytes("JPEG")[:300], "image/jpeg", "file_damaged"),
        (b"II*\x00\x08\x00\x00\x00", "image/tiff", "file_damaged"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp", "file_damaged"),
        (b"\x89PNG\r\n\x1a\n", "image/png", "file_damaged"),
    ],
    ids=["400 megapixels", "other format", "half a PNG", "a JPEG's head", "no directory", "a WebP's head", "signature"],
)
def test_pictures_that_are_refused(file, begun, content, media_type, reason) -> None:
    use(media_type, begun)
    with pytest.raises(Refused, match=f"^{reason}$"):
        list(image.pages(file(content)))


def test_sixteen_bits_a_pixel_are_scaled(file, begun) -> None:
    deep = pictures.picture().convert("I").point(lambda value: value * 200)
    target = io.BytesIO()
    deep.convert("I;16").save(target, "PNG")
    use("image/png", begun)
    (page,) = image.pages(file(target.getvalue()))

    assert likeness(page.text, pictures.page_lines()) > GOOD
