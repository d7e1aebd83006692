"""What rag's services need from outside, each with the adapter that the factory picks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from rag.chains.answer import Answer
from rag.chains.prompt import Turn
from retrieval.store import Hit


class Searcher(Protocol):
    async def search(
        self, query: str, *, top_k: int, filters: Mapping[str, Any], on_tokens: Callable[[int], None]
    ) -> list[Hit]:
        """The best chunks inside the filters. `on_tokens` hears what embedding the query was billed.

        Raises Unavailable, Invalid.
        """
        ...


class Answerer(Protocol):
    """A chat model over what a caller may search. `provider` and `model` are what its usage is booked under."""

    @property
    def provider(self) -> str: ...

    @property
    def model(self) -> str: ...

    def start(
        self, question: str, *, history: Sequence[Turn], filters: Mapping[str, Any], on_tokens: Callable[[int], None]
    ) -> Answer:
        """`on_tokens` hears what embedding the question was billed; the answer itself knows the rest."""
        ...
