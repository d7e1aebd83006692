"""The rerank API that Cohere, Jina, vLLM and text-embeddings-inference speak: `POST /rerank`."""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import aiohttp

from retrieval.embedding_provider import CircuitOpen, Provider
from retrieval.errors import EmbeddingError, EmbeddingRefused, RerankError
from retrieval.reranking import Billed
from retrieval.store import Hit
from retrieval.text import storable
from retrieval.token_estimate import estimate_tokens


class HttpReranker:
    """`base_url`: what stands before /rerank. Nobody waits for a second try: a search has its fused order anyway."""

    def __init__(self, model: str, *, base_url: str, api_key: str = "", timeout: float = 5.0) -> None:
        self.model = model
        self._provider = Provider(base_url, api_key=api_key, timeout=timeout, retries=0, name="reranker")
        # text-embeddings-inference calls them `texts`, all others `documents`.
        self._names = ["documents", "texts"]

    async def close(self) -> None:
        await self._provider.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def rerank(
        self, question: str, hits: Sequence[Hit], *, on_billed: Callable[[Billed], None] | None = None
    ) -> list[float]:
        if not hits:
            return []
        texts = [storable(str(hit.metadata["text"])) for hit in hits]
        tell = on_billed or _ignore
        # The question is read again with every text.
        estimate = sum(map(estimate_tokens, texts)) + len(texts) * estimate_tokens(question)
        try:
            reply = await self._ask(storable(question), texts)
            scores = _scores(reply, count=len(texts))
        except asyncio.CancelledError:
            tell(Billed(estimate, estimated=True, outcome="cancelled"))
            raise
        except EmbeddingError as error:
            tell(Billed(0 if _was_free(error) else estimate, estimated=True, outcome="failed"))
            raise RerankError(str(error)) from error
        except RerankError:
            told = _told(reply)
            tell(Billed(estimate if told is None else told, estimated=told is None, outcome="failed"))
            raise
        told = _told(reply)
        tell(Billed(estimate if told is None else told, estimated=told is None))
        return scores

    async def _ask(self, question: str, texts: list[str]) -> Any:
        """A server that refuses one name for the texts is asked with the other; what it takes is kept."""
        refusal: EmbeddingRefused | None = None
        for name in list(self._names):
            body = {"model": self.model, "query": question, name: texts, "top_n": len(texts)}
            try:
                reply = await self._provider.post("/rerank", body)
            except EmbeddingRefused as error:
                refusal = refusal or error
            else:
                self._names = [name]
                return reply
        raise refusal or EmbeddingRefused("the reranker was not asked")


def _was_free(error: EmbeddingError) -> bool:
    """A refusal, a call or a connection that was never made, read no text."""
    return isinstance(error, EmbeddingRefused | CircuitOpen) or isinstance(
        error.__cause__, aiohttp.ClientConnectorError
    )


def _scores(reply: Any, *, count: int) -> list[float]:
    """Raises RerankError: a text without its score would be lost."""
    results = reply.get("results") if isinstance(reply, dict) else reply
    found: dict[int, float] = {}
    for each in results if isinstance(results, list) else []:
        index = each.get("index") if isinstance(each, dict) else None
        score = each.get("relevance_score", each.get("score")) if isinstance(each, dict) else None
        if type(index) is int and isinstance(score, int | float) and math.isfinite(score):
            found[index] = float(score)
    if found.keys() != set(range(count)):
        raise RerankError(f"the reranker scored {len(found)} of {count} texts, or numbered them wrongly")
    return [found[index] for index in range(count)]


def _told(reply: Any) -> int | None:
    """Jina and vLLM tell under `usage`, Cohere under `meta.tokens`; the others do not."""
    known = reply if isinstance(reply, dict) else {}
    usage, meta = known.get("usage"), known.get("meta")
    tokens = meta.get("tokens") if isinstance(meta, dict) else None
    for place, name in ((usage, "total_tokens"), (usage, "prompt_tokens"), (tokens, "input_tokens")):
        value = place.get(name) if isinstance(place, dict) else None
        if type(value) is int and value > 0:
            return value
    return None


def _ignore(_: Billed) -> None:
    pass
