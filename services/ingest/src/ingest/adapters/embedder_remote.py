"""Any OpenAI-compatible embedding server, through `retrieval.embeddings`."""

from ingest.errors import NotEmbedded
from ingest.ports import Embedded
from retrieval.configured import OWN_SHAPE, BatchShape
from retrieval.embeddings import MeteredEmbeddings
from retrieval.errors import EmbeddingError, EmbeddingUnavailable


class RemoteEmbedder:
    def __init__(self, embeddings: MeteredEmbeddings, shape: BatchShape = OWN_SHAPE) -> None:
        self._embeddings = embeddings
        self.shape = shape

    async def embed(self, texts: list[str]) -> Embedded:
        try:
            result = await self._embeddings.embed(texts, "passage")
        except EmbeddingError as error:
            raise _not_embedded(error) from error
        return Embedded(result.vectors, result.tokens)

    async def count_tokens(self, texts: list[str]) -> list[int]:
        try:
            return await self._embeddings.count_tokens(texts)
        except EmbeddingError as error:
            raise _not_embedded(error) from error


def _not_embedded(error: EmbeddingError) -> NotEmbedded:
    retry_after = error.retry_after if isinstance(error, EmbeddingUnavailable) else None
    return NotEmbedded(tokens=error.tokens, retry_after=retry_after)
