"""The OpenAI embeddings API as bytes: requests checked, answers written."""

import base64
import json
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from embedder.directory import MODEL_NAME
from embedder.errors import RequestRefused
from embedder.model import DIMENSIONS, Embedding

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_INPUTS = 2048
MAX_COUNTED_INPUTS = 65_536

type Encoding = Literal["float", "base64"]


@dataclass(frozen=True, slots=True)
class EmbeddingsRequest:
    texts: list[str]
    encoding: Encoding


def parse_embeddings(body: bytes) -> EmbeddingsRequest:
    """Raises RequestRefused. Unknown fields (`user`, a provider's extras) are ignored, as OpenAI's clients expect."""
    fields = _fields(body)
    if fields.get("dimensions") not in (None, DIMENSIONS):
        raise RequestRefused(f"'{MODEL_NAME}' has {DIMENSIONS} dimensions and no others", param="dimensions")
    return EmbeddingsRequest(texts=_texts(fields.get("input"), limit=MAX_INPUTS), encoding=_encoding(fields))


def parse_tokenize(body: bytes) -> list[str]:
    """Raises RequestRefused. Empty texts may be counted, unlike embedded."""
    return _texts(_fields(body).get("input"), limit=MAX_COUNTED_INPUTS, empty_ok=True)


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise RequestRefused("the body is not valid JSON in UTF-8", code="invalid_json") from error
    if not isinstance(fields, dict):
        raise RequestRefused("the body must be a JSON object")
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        raise RequestRefused("'model' is required", param="model")
    if model != MODEL_NAME:
        raise RequestRefused(
            f"the model {model[:100]!r} does not exist here; this server has '{MODEL_NAME}'",
            param="model",
            code="model_not_found",
            status=404,
        )
    return fields


def _encoding(fields: dict[str, Any]) -> Encoding:
    match fields.get("encoding_format"):
        case None | "float":
            return "float"
        case "base64":
            return "base64"
        case _:
            raise RequestRefused("'encoding_format' must be 'float' or 'base64'", param="encoding_format")


def _texts(value: Any, *, limit: int, empty_ok: bool = False) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        raise RequestRefused("'input' must be a string or a list of strings, and not empty", param="input")
    if len(texts) > limit:
        raise RequestRefused(f"'input' has {len(texts)} texts; at most {limit} are allowed", param="input")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise RequestRefused(
                f"'input[{index}]' is not a string; lists of tokens are not accepted, send the text", param="input"
            )
        if not text and not empty_ok:
            raise RequestRefused(f"'input[{index}]' is an empty string", param="input")
    return texts


def embeddings_body(embeddings: list[Embedding], *, encoding: Encoding) -> bytes:
    tokens = sum(embedding.tokens for embedding in embeddings)
    answer = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _vector(embedding, encoding)}
            for index, embedding in enumerate(embeddings)
        ],
        "model": MODEL_NAME,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def _vector(embedding: Embedding, encoding: Encoding) -> Any:
    """base64 is float32 little-endian; a JSON float is the shortest text of the same float32."""
    if encoding == "float":
        return embedding.vector
    return base64.b64encode(embedding.vector.astype("<f4", copy=False).tobytes()).decode("ascii")


def models_body() -> bytes:
    model = {"id": MODEL_NAME, "object": "model", "created": 0, "owned_by": "growfit"}
    return orjson.dumps({"object": "list", "data": [model]})


def counts_body(counts: list[int]) -> bytes:
    return orjson.dumps({"counts": counts})


def error_body(message: str, *, kind: str, param: str | None = None, code: str | None = None) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})
