"""Pictures of text: PNG, JPEG, WebP, and TIFF with all its pages."""

import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ingest.adapters.parsers import ocr
from ingest.adapters.parsers.job import current
from ingest.adapters.parsers.page import Page, Refused
from ingest.adapters.parsers.pdf_layout import OF_INK, Composer, Style
from ingest.adapters.parsers.pdf_page import Picture

# Decoded, an image takes up to four bytes a pixel; the child may have a gigabyte in all.
_MOST_PIXELS = 100_000_000
_MOST_RECOGNISED = 12_000_000
# Letters of a screenshot are too small for Tesseract; twice the size is what it was trained on.
_SMALL = 1_600
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/tiff": "TIFF"}
_MOST_FRAMES = 10_000
_DPI = 300
# What Pillow raises over files that are cut off or forged; an unknown format is an OSError as well.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, OverflowError, struct.error)


def pages(path: Path) -> Iterator[Page]:
    with path.open("rb") as file, warnings.catch_warnings():
        # Pillow warns of what it can live with.
        warnings.simplefilter("ignore")
        image = _open(file)
        if not ocr.is_available():
            raise Refused("ocr_unavailable")
        total = _frames(image)
        for index in range(total):
            picture = _picture(image, index)
            ocr.begin(index + 1)
            lines = ocr.recognise(picture)
            made = Composer(Style.of(lines, larger=OF_INK)).compose(lines)
            yield Page(index + 1, total, made.text, tuple(made.blocks))


def _open(file: BinaryIO) -> Any:
    from PIL import Image  # noqa: PLC0415  most documents are no pictures

    # Sizes are judged here, before anything is decoded; Pillow's own limit would only warn.
    Image.MAX_IMAGE_PIXELS = None
    try:
        image = Image.open(file, formats=tuple(_FORMATS.values()))
    except _BROKEN as error:
        raise Refused("file_damaged") from error
    if image.format != _FORMATS.get(current.job.media_type, image.format):
        raise Refused("file_not_what_it_says")
    _check(image)
    return image


def _picture(image: Any, index: int) -> Picture:
    try:
        image.seek(index)
        _check(image)
        return _grey(image)
    except _BROKEN as error:
        raise Refused("file_damaged") from error


def _frames(image: Any) -> int:
    """Pages of a TIFF; other formats move, and their first picture stands for all."""
    if image.format != "TIFF":
        return 1
    try:
        count = int(image.n_frames)
    except _BROKEN as error:
        raise Refused("file_damaged") from error
    if count > _MOST_FRAMES:
        raise Refused("file_damaged")
    return count


def _check(image: Any) -> None:
    if image.width * image.height > _MOST_PIXELS:
        raise Refused("image_too_large")


def _grey(image: Any) -> Picture:
    """As a person sees it: turned upright, on white, in a size that Tesseract reads well."""
    from PIL import Image, ImageOps  # noqa: PLC0415  most documents are no pictures

    if image.format == "JPEG":
        image.draft("L", (image.width, image.height))
    shown = _on_white(image)
    scale = min(1.0, (_MOST_RECOGNISED / (shown.width * shown.height)) ** 0.5)
    if max(shown.size) < _SMALL:
        scale = 2.0
    if scale != 1.0:
        size = (max(1, round(shown.width * scale)), max(1, round(shown.height * scale)))
        shown = shown.resize(size, Image.Resampling.LANCZOS)
    orientation = image.getexif().get(0x0112, 1)
    if orientation != 1:
        shown.getexif()[0x0112] = orientation
        shown = ImageOps.exif_transpose(shown)
    return Picture(shown.tobytes(), shown.width, shown.height, shown.width, dpi=_DPI)


def _on_white(image: Any) -> Any:
    from PIL import Image  # noqa: PLC0415  most documents are no pictures

    if image.mode.startswith("I") or image.mode == "F":
        # 16 bits and more a pixel: Pillow cuts them off where it should scale them.
        low, high = image.getextrema()
        return image.convert("F").point(lambda value: (value - low) * (255 / max(high - low, 1))).convert("L")
    if image.has_transparency_data:
        layers = image.convert("LA")
        white = Image.new("L", image.size, 255)
        white.paste(layers.getchannel("L"), mask=layers.getchannel("A"))
        return white
    return image.convert("L")
