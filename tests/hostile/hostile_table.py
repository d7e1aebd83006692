"""The hostile files, and what must become of each. One table for the short and the long proof.

`state` is a document's, or "refused" where the upload is answered with the reason at once. `usual` marks the cheap ones
that `make test` reads as well.
"""

from collections.abc import Callable
from dataclasses import dataclass

import growfit_documents as documents
from growfit_documents import hostile_archives as archives
from growfit_documents import hostile_images as images
from growfit_documents import hostile_pdf as pdfs
from growfit_documents import pictures

PDF, PNG, JPEG, WEBP, TIFF = "a.pdf", "a.png", "a.jpg", "a.webp", "a.tif"
READY, REFUSED, REJECTED, FAILED = "ready", "refused", "rejected", "failed"
# What the stack of the proof is set to, so that it ends within minutes.
PARSE_SECONDS, MAX_OCR_PAGES = 10, 3


@dataclass(frozen=True)
class Case:
    make: Callable[[], bytes]
    name: str
    state: str
    reason: str | None = None
    usual: bool = False


def pages(count: int) -> Callable[[], bytes]:
    return lambda: documents.page_bomb_pdf(count)


def named(name: str) -> Callable[[], bytes]:
    return lambda: archives.entry_named(name)


PDFS = {
    "100,000 pages": Case(pages(100_000), PDF, REJECTED, "too_many_pages", True),
    "10,001 pages": Case(pages(10_001), PDF, REJECTED, "too_many_pages"),
    "10,000 blank pages": Case(pdfs.blank_pages_pdf, PDF, FAILED, "no_text"),
    "two thousand million pages, it says": Case(documents.false_count_pdf, PDF, READY, None, True),
    "arrays 50,000 deep": Case(documents.deep_nesting_pdf, PDF, READY),
    "a tree of pages 2,000 deep": Case(documents.deep_page_tree_pdf, PDF, REJECTED, "pdf_damaged"),
    "a tree of pages that holds itself": Case(documents.cyclic_page_tree_pdf, PDF, REJECTED, "pdf_damaged", True),
    "a page of 3.5 km": Case(documents.huge_page_pdf, PDF, READY, None, True),
    "512 MiB of blanks": Case(documents.inflation_bomb_pdf, PDF, FAILED, "parse_limit"),
    "10^8 lines from eight forms": Case(documents.form_bomb_pdf, PDF, FAILED, "parse_limit"),
    "letters that are NUL and half a character": Case(documents.control_character_pdf, PDF, READY, None, True),
    "a table of offsets that follows itself": Case(pdfs.previous_table_loop_pdf, PDF, READY, None, True),
    "a length that is the stream itself": Case(pdfs.own_length_pdf, PDF, READY),
    "a length of two thousand million": Case(pdfs.lying_length_pdf, PDF, READY),
    "a form that draws itself": Case(pdfs.own_form_pdf, PDF, READY),
    "an outline that goes in circles": Case(pdfs.outline_loop_pdf, PDF, READY, None, True),
    "scripts and programs": Case(pdfs.script_pdf, PDF, READY),
    "content from /etc/passwd": Case(pdfs.foreign_file_pdf, PDF, FAILED, "no_text"),
    "300,000 lines drawn": Case(pdfs.many_shapes_pdf, PDF, READY),
    "a grid of 62,500 cells": Case(pdfs.dense_grid_pdf, PDF, READY),
    "a picture of 900 megapixels": Case(pdfs.huge_image_pdf, PDF, FAILED, "no_text"),
    "2,000 filters on one stream": Case(pdfs.filter_tower_pdf, PDF, READY),
    "a name of five million letters": Case(pdfs.endless_name_pdf, PDF, READY),
    "letters that are a thousand letters": Case(pdfs.wide_map_pdf, PDF, READY),
    "more scans than are recognised": Case(lambda: pictures.scan_pdf(5), PDF, REJECTED, "too_many_scans"),
    "a password": Case(documents.encrypted_pdf, PDF, REJECTED, "pdf_encrypted", True),
    "half a PDF": Case(documents.truncated_pdf, PDF, REJECTED, "pdf_damaged", True),
    "a header alone": Case(documents.pdf_header_only, PDF, REJECTED, "pdf_damaged"),
    "no pages": Case(documents.pdf_with_zero_pages, PDF, REJECTED, "pdf_damaged"),
    "a PDF and then a ZIP": Case(pdfs.pdf_then_zip, PDF, READY),
    "a web page and then a PDF": Case(pdfs.html_then_pdf, PDF, REFUSED, "type_unsupported"),
    "a ZIP and in it a PDF": Case(pdfs.zip_then_pdf, PDF, REFUSED, "type_unsupported"),
}
PICTURES = {
    "400 megapixels in 50 kB": Case(images.white_png, PNG, REJECTED, "image_too_large", True),
    "4 * 10^18 pixels, it says": Case(images.claiming_png, PNG, REJECTED, "image_too_large", True),
    "a comment of 300 MiB": Case(images.text_chunk_bomb_png, PNG, REJECTED, "file_damaged"),
    "a TIFF that is followed by itself": Case(images.looping_tiff, TIFF, FAILED, "no_text"),
    "a TIFF whose pixels are elsewhere": Case(images.lying_strip_tiff, TIFF, REJECTED, "file_damaged", True),
    "a TIFF of more pages than are recognised": Case(images.deep_tiff, TIFF, REJECTED, "too_many_scans"),
    "a third of a JPEG": Case(images.half_jpeg, JPEG, REJECTED, "file_damaged", True),
    "the head of a WebP": Case(images.head_of_webp, WEBP, REJECTED, "file_damaged"),
    "a photograph": Case(pictures.photograph, PNG, FAILED, "no_text"),
    "a GIF that is a script": Case(images.gif_script, "a.txt", REFUSED, "type_unsupported"),
    "a PNG called JPEG": Case(documents.png_bytes, JPEG, REFUSED, "type_mismatch"),
}
TEXTS = {
    "six million letters without an end": Case(lambda: b"a" * 6_000_000, "a.txt", REJECTED, "text_too_long"),
    "bytes of no encoding": Case(documents.broken_utf8, "a.txt", REJECTED, "text_undecodable", True),
    "blanks alone": Case(documents.blank_text, "a.txt", FAILED, "no_text"),
    "a NUL": Case(documents.text_with_nul, "a.txt", REFUSED, "type_unsupported"),
    "a name that runs backwards": Case("가나다 라마바".encode, "\u202excod.exe\u202c.txt", READY),
    "a name of control characters": Case("하나 둘 셋 넷".encode, "\x01\x02\n\r\x7f/../x.txt", READY),
    "a program called text": Case(documents.exe_bytes, "a.txt", REFUSED, "type_unsupported"),
}
# Read by the parsers of archives and marked-up text.
CONTAINERS = {
    "300 MiB in an archive": Case(archives.flat_bomb_docx, "a.docx", REJECTED, "archive_too_large"),
    "150 MiB of words": Case(archives.text_bomb_docx, "a.docx", REJECTED, "archive_too_large"),
    "150 MiB of rows": Case(archives.sheet_bomb_xlsx, "a.xlsx", REJECTED, "archive_too_large"),
    # What lies in a document as a file of its own (a workbook in a letter) is never opened.
    "archives in archives": Case(archives.nested_docx, "a.docx", READY),
    "an archive that holds itself": Case(archives.quine_like_docx, "a.docx", READY),
    "20,000 entries": Case(archives.many_entries_docx, "a.docx", REJECTED, "archive_too_large"),
    "a name that climbs": Case(named("../../../etc/cron.d/x"), "a.docx", REJECTED, "archive_unsafe"),
    "a name from the root": Case(named("/etc/cron.d/x"), "a.docx", REJECTED, "archive_unsafe"),
    "a name of a drive": Case(named("C:\\Windows\\x"), "a.docx", REJECTED, "archive_unsafe"),
    "a link to /etc/passwd": Case(archives.symlink_docx, "a.docx", REJECTED, "archive_unsafe"),
    "ten bytes that are 200 MiB": Case(archives.lying_size_docx, "a.docx", REJECTED, "file_damaged"),
    "macros under another name": Case(archives.macro_docx, "a.docx", REJECTED, "macros_refused"),
    "macros under their own": Case(archives.macro_docx, "a.docm", REFUSED, "macro_file"),
    "a billion laughs in Word": Case(lambda: archives.laughing("docx"), "a.docx", REJECTED, "xml_unsafe"),
    "a billion laughs in Excel": Case(lambda: archives.laughing("xlsx"), "a.xlsx", REJECTED, "xml_unsafe"),
    "a billion laughs in PowerPoint": Case(lambda: archives.laughing("pptx"), "a.pptx", REJECTED, "xml_unsafe"),
    "a billion laughs in HWPX": Case(lambda: archives.laughing("hwpx"), "a.hwpx", REJECTED, "xml_unsafe"),
    "an entity from outside": Case(archives.outside_docx, "a.docx", REJECTED, "xml_unsafe"),
    "half an archive": Case(archives.half_docx, "a.docx", REJECTED, "file_damaged"),
    "another archive": Case(archives.plain_zip, "a.docx", REJECTED, "file_not_what_it_says"),
    "Excel called Word": Case(lambda: archives.office("xlsx", "<x/>"), "a.docx", REJECTED, "file_not_what_it_says"),
    "an archive with a password": Case(archives.locked_docx, "a.docx", REJECTED, "file_encrypted"),
    "an archive under no type": Case(archives.plain_zip, "a.zip", REFUSED, "type_unsupported"),
    "an OLE file that goes in circles": Case(archives.looping_ole, "a.hwp", REJECTED, "file_not_what_it_says"),
    "an old Word file": Case(archives.looping_ole, "a.doc", REFUSED, "old_office_format"),
    "200,000 boxes in boxes": Case(archives.deep_html, "a.html", FAILED, "parse_limit"),
    "a billion laughs in HTML": Case(archives.laughing_html, "a.html", READY),
    "20 MiB in one row": Case(archives.endless_csv, "a.csv", REJECTED, "table_too_large"),
    "300,000 columns": Case(archives.wide_csv, "a.csv", REJECTED, "table_too_large"),
}
CASES = PDFS | PICTURES | TEXTS | CONTAINERS
