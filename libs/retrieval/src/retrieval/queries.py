"""What a search asks for, checked the same way for every store."""

import asyncio
from typing import Any

from retrieval.errors import QueryInvalid
from retrieval.store import MAX_TOP_K
from retrieval.terms import TermAnalyser

# A question of 2,000 characters takes Kiwi 0.2 s at its worst.
MAX_QUESTION = 2_000


def checked_top_k(top_k: Any) -> int:
    if isinstance(top_k, int) and not isinstance(top_k, bool) and 1 <= top_k <= MAX_TOP_K:
        return top_k
    raise QueryInvalid(f"top_k must be an integer from 1 to {MAX_TOP_K}, not {top_k!r}")


async def terms_of_query(text: str | list[str] | None, *, analyser: TermAnalyser) -> list[str]:
    """The question's terms; those that the caller already has are taken as they are."""
    if isinstance(text, str):
        return await asyncio.to_thread(analyser.terms, text[:MAX_QUESTION])
    return text or []
