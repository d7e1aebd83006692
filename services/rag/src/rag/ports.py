"""What rag's services need from outside, each with the adapter that the factory picks."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from retrieval.store import Hit


class Searcher(Protocol):
    async def search(
        self, query: str, *, top_k: int, filters: Mapping[str, Any], on_tokens: Callable[[int], None]
    ) -> list[Hit]:
        """The best chunks inside the filters. `on_tokens` hears what embedding the query was billed.

        Raises Unavailable, Invalid.
        """
        ...
