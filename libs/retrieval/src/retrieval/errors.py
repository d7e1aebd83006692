"""The errors of retrieval. `retryable` says whether the same call may succeed later.

    RetrievalError
    ├── ModelUnknown              no embedding model of that name is registered
    ├── EmbeddingError            .tokens: what the provider billed before the failure
    │   ├── EmbeddingUnavailable  retryable: no connection, timeout, 408, 429, 5xx; .retry_after in seconds
    │   └── EmbeddingRefused      the provider refuses this call: key, model, input
    │       └── EmbeddingInvalid  it answered, but not with the vectors asked for
    ├── FilterInvalid             unknown key or operator, wrong type, or a search without scopes
    ├── ItemInvalid               an item that no store may hold: id, vector or metadata
    ├── RerankError               the reranker failed; a search goes on without it
    ├── QueryInvalid              a search vector or top_k that cannot be searched with
    └── StoreError                the store refuses this call
        ├── StoreUnavailable      retryable: no connection, no free connection, restart, deadlock
        │   └── IndexMissing      retryable: the writer has not made the index yet
        └── IndexMismatch         the index holds another model, dimension or analyser

Messages are for operators and logs. What a user reads, in Korean or English, is the service's to say.
"""

from typing import ClassVar


class RetrievalError(Exception):
    retryable: ClassVar[bool] = False


class ModelUnknown(RetrievalError):
    pass


class EmbeddingError(RetrievalError):
    """`tokens` counts what earlier batches of the same call were billed, so that usage stays whole."""

    def __init__(self, message: str, *, tokens: int = 0) -> None:
        super().__init__(message)
        self.tokens = tokens


class EmbeddingUnavailable(EmbeddingError):
    retryable = True

    def __init__(self, message: str, *, tokens: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message, tokens=tokens)
        self.retry_after = retry_after


class EmbeddingRefused(EmbeddingError):
    pass


class EmbeddingInvalid(EmbeddingRefused):
    pass


class FilterInvalid(RetrievalError):
    pass


class ItemInvalid(RetrievalError):
    pass


class RerankError(RetrievalError):
    pass


class QueryInvalid(RetrievalError):
    pass


class StoreError(RetrievalError):
    pass


class StoreUnavailable(StoreError):
    retryable = True


class IndexMissing(StoreUnavailable):
    pass


class IndexMismatch(StoreError):
    pass
