"""Documents for tests and benches: readable, wrong and hostile ones, as bytes, the same every time.

    from growfit_documents import encrypted_pdf, korean_page, korean_pdf

`typeset` has PDFs as different tools set them, `pictures` scans and photographs, `hostile_…` what means harm. Files of
Word, PowerPoint and Excel are made in `office`, those of Hangul in `hangul`: import them from there. Needs PyMuPDF,
Pillow and what writes office files, and no pytest.
"""

from growfit_documents.hostile import (
    HELLO,
    control_character_pdf,
    cyclic_page_tree_pdf,
    deep_nesting_pdf,
    deep_page_tree_pdf,
    false_count_pdf,
    form_bomb_pdf,
    huge_page_pdf,
    inflation_bomb_pdf,
    page_bomb_pdf,
)
from growfit_documents.prose import Fact, Page, korean_page, page_fact
from growfit_documents.readable import (
    gap_spaced_pdf,
    korean_markdown,
    korean_pdf,
    korean_text,
    owner_locked_pdf,
)
from growfit_documents.wrong import (
    Upload,
    blank_text,
    broken_utf8,
    docx_like_zip,
    empty,
    encrypted_pdf,
    exe_bytes,
    html_bytes,
    one_byte,
    pdf_header_only,
    pdf_named_as_txt,
    pdf_with_zero_pages,
    pdf_without_text,
    png_bytes,
    png_named_as_pdf,
    text_with_nul,
    truncated_pdf,
)

__all__ = [
    "HELLO",
    "Fact",
    "Page",
    "Upload",
    "blank_text",
    "broken_utf8",
    "control_character_pdf",
    "cyclic_page_tree_pdf",
    "deep_nesting_pdf",
    "deep_page_tree_pdf",
    "docx_like_zip",
    "empty",
    "encrypted_pdf",
    "exe_bytes",
    "false_count_pdf",
    "form_bomb_pdf",
    "gap_spaced_pdf",
    "html_bytes",
    "huge_page_pdf",
    "inflation_bomb_pdf",
    "korean_markdown",
    "korean_page",
    "korean_pdf",
    "korean_text",
    "one_byte",
    "owner_locked_pdf",
    "page_bomb_pdf",
    "page_fact",
    "pdf_header_only",
    "pdf_named_as_txt",
    "pdf_with_zero_pages",
    "pdf_without_text",
    "png_bytes",
    "png_named_as_pdf",
    "text_with_nul",
    "truncated_pdf",
]
