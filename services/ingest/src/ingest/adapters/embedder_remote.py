"""Any OpenAI-compatible embedding server, through `retrieval.embeddings`."""

from ingest.errors import NotEmbedded
from ingest.ports import Embedded
from retrieval.embeddings import MeteredEmbeddings
from retrieval.errors import EmbeddingError


class RemoteEmbedder:
    def __init__(self, embeddings: MeteredEmbeddings) -> None:
        self._embeddings = embeddings

    async def embed(self, texts: list[str]) -> Embedded:
        try:
            result = await self._embeddings.embed(texts, "passage")
        except EmbeddingError as error:
            raise NotEmbedded(tokens=error.tokens) from error
        return Embedded(result.vectors, result.tokens)

    async def count_tokens(self, texts: list[str]) -> list[int]:
        try:
            return await self._embeddings.count_tokens(texts)
        except EmbeddingError as error:
            raise NotEmbedded from error
