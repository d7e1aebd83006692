"""A passage: the piece of a document that the retriever found and an answer may cite."""

import math
import re
from dataclasses import dataclass, replace
from typing import Self

from langchain_core.documents import Document

_HANGUL_OR_CJK = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]")
_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_LETTER = re.compile(r"[^\W\d_]")
_KOREAN_SHARE = 0.2  # "LMS에서 SSO 설정?" is Korean although most of its letters are Latin


@dataclass(frozen=True, slots=True)
class Passage:
    """`text` is `page_text[char_start:char_end]`, so an offset inside it is an offset in the page.

    `headings`: under which it stands, the outermost first.
    """

    chunk_id: str
    doc_id: str
    title: str
    text: str
    char_start: int
    char_end: int
    page_from: int | None = None
    page_to: int | None = None
    score: float | None = None
    headings: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Raises KeyError when the retriever's metadata lacks a document id or offsets."""
        found = document.metadata
        return cls(
            chunk_id=str(document.id or found["chunk_id"]),
            doc_id=str(found["doc_id"]),
            title=str(found.get("title") or ""),
            text=document.page_content,
            char_start=int(found["char_start"] or 0),
            char_end=int(found["char_end"] or 0),
            page_from=found.get("page_from"),
            page_to=found.get("page_to"),
            score=found.get("score"),
            headings=tuple(found.get("headings") or ()),
        )

    def cut(self, length: int) -> Self:
        """The first `length` characters; the offsets stay those of the page."""
        return replace(self, text=self.text[:length], char_end=self.char_start + length)


def estimate_tokens(text: str) -> int:
    """About as many tokens as today's models count: 1.7 Korean or Chinese characters, 4 others, make one."""
    wide = len(_HANGUL_OR_CJK.findall(text))
    return math.ceil(wide / 1.7 + (len(text) - wide) / 4)


def is_korean(text: str) -> bool:
    letters = len(_LETTER.findall(text))
    return len(_HANGUL.findall(text)) > _KOREAN_SHARE * letters
