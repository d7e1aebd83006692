"""PDF."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.adapters.parsers.page import Page, Refused, clean

# PDFium recovers what it can from half a file; a file without its end mark is refused instead.
_END_MARK = b"%%EOF"
_TAIL_BYTES = 65_536
# FPDF_ERR_PASSWORD of fpdfview.h.
_PASSWORD_ERROR = 4


def pages(path: Path) -> Iterator[Page]:
    import pypdfium2  # noqa: PLC0415  text files do not need it

    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        if _END_MARK not in file.read():
            raise Refused("pdf_damaged")
    try:
        document: Any = pypdfium2.PdfDocument(path)  # type: ignore[no-untyped-call]
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        raise Refused("pdf_encrypted" if code == _PASSWORD_ERROR else "pdf_damaged") from error
    total = len(document)
    if total == 0:
        raise Refused("pdf_damaged")
    for index in range(total):
        try:
            page = document[index]
            text = page.get_textpage().get_text_bounded()
        except pypdfium2.PdfiumError as error:
            raise Refused("pdf_damaged") from error
        yield Page(index + 1, total, clean(text))
        page.close()
