"""What a provider's failures mean: try again, or do not."""

from openai import APIConnectionError, APIStatusError, OpenAIError

from retrieval.errors import EmbeddingError, EmbeddingInvalid, EmbeddingRefused, EmbeddingUnavailable

_TRANSIENT = frozenset({408, 409, 429})
_SERVER_ERROR = 500


def embedding_failure(error: OpenAIError, *, tokens: int) -> EmbeddingError:
    if isinstance(error, APIConnectionError):
        return EmbeddingUnavailable(f"the embedding provider cannot be reached: {error}", tokens=tokens)
    if isinstance(error, APIStatusError):
        said = f"the embedding provider answered {error.status_code}: {error.message}"
        if error.status_code in _TRANSIENT or error.status_code >= _SERVER_ERROR:
            return EmbeddingUnavailable(said, tokens=tokens, retry_after=_seconds(error))
        return EmbeddingRefused(said, tokens=tokens)
    return EmbeddingInvalid(f"the embedding provider's reply is not understood: {error}", tokens=tokens)


def _seconds(error: APIStatusError) -> float | None:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    except ValueError:
        return None
