import base64
import json

import httpx
import numpy as np
import pytest

from embedder.directory import MODEL_NAME
from embedder.model import Model
from embedder.wire import MAX_BODY_BYTES, MAX_INPUTS

TEXTS = ["query: 대한민국의 수도는?", "passage: 서울은 대한민국의 수도이다.", "passage: A dog barks."]


async def test_floats_are_the_vectors_of_the_model(embed, model: Model) -> None:
    answer = (await embed(TEXTS)).json()
    assert answer["object"] == "list"
    assert answer["model"] == MODEL_NAME
    assert [each["index"] for each in answer["data"]] == [0, 1, 2]
    for text, each in zip(TEXTS, answer["data"], strict=True):
        assert np.array_equal(np.array(each["embedding"], np.float32), model.embed(text).vector)


async def test_base64_is_the_same_as_float(embed) -> None:
    floats = (await embed(TEXTS, encoding_format="float")).json()["data"]
    coded = (await embed(TEXTS, encoding_format="base64")).json()["data"]
    for one, other in zip(floats, coded, strict=True):
        decoded = np.frombuffer(base64.b64decode(other["embedding"]), "<f4")
        assert np.array_equal(np.array(one["embedding"], np.float32), decoded)


async def test_one_string_is_one_embedding(embed) -> None:
    answer = (await embed("query: 하나", dimensions=384, user="someone")).json()
    assert len(answer["data"]) == 1
    assert len(answer["data"][0]["embedding"]) == 384


async def test_usage_is_what_tokenize_counts(client: httpx.AsyncClient, embed) -> None:
    usage = (await embed(TEXTS)).json()["usage"]
    counted = await client.post("/v1/tokenize", json={"model": MODEL_NAME, "input": TEXTS})
    assert usage["prompt_tokens"] == usage["total_tokens"] == sum(counted.json()["counts"])
    assert len(counted.json()["counts"]) == 3


async def test_tokenize_counts_empty_and_overlong_texts(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/tokenize", json={"model": MODEL_NAME, "input": ["", "가나다 " * 1000]})
    empty, long = answer.json()["counts"]
    assert empty == 2
    assert long > 1000


@pytest.mark.parametrize(
    ("fields", "status", "param", "says"),
    [
        ({"model": "text-embedding-3-small"}, 404, "model", MODEL_NAME),
        ({"model": None}, 400, "model", "required"),
        ({"input": None}, 400, "input", "not empty"),
        ({"input": ""}, 400, "input", "empty"),
        ({"input": []}, 400, "input", "not empty"),
        ({"input": ["a", ""]}, 400, "input", "input[1]"),
        ({"input": [1, 2, 3]}, 400, "input", "tokens"),
        ({"input": [[1, 2], [3]]}, 400, "input", "tokens"),
        ({"input": {"text": "a"}}, 400, "input", "string"),
        ({"input": ["a"] * (MAX_INPUTS + 1)}, 400, "input", "2048"),
        ({"encoding_format": "hex"}, 400, "encoding_format", "base64"),
        ({"dimensions": 256}, 400, "dimensions", "384"),
    ],
)
async def test_a_wrong_request_gets_an_openai_error(
    client: httpx.AsyncClient, fields: dict, status: int, param: str, says: str
) -> None:
    answer = await client.post("/v1/embeddings", json={"model": MODEL_NAME, "input": "a"} | fields)
    error = answer.json()["error"]
    assert answer.status_code == status
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert says in error["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"1"])
async def test_a_body_that_is_no_object_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    for path in ("/v1/embeddings", "/v1/tokenize"):
        answer = await client.post(path, content=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    body = json.dumps({"model": MODEL_NAME, "input": "a" * MAX_BODY_BYTES}).encode()
    answer = await client.post("/v1/embeddings", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "body_too_large"


async def test_tokenize_checks_the_model_too(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/tokenize", json={"model": "other", "input": "a"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"


async def test_an_unknown_route_and_method_answer_in_the_same_shape(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/chat/completions")).json()["error"]["type"] == "invalid_request_error"
    assert (await client.get("/v1/embeddings")).status_code == 405


async def test_the_model_is_listed(client: httpx.AsyncClient) -> None:
    assert [model["id"] for model in (await client.get("/v1/models")).json()["data"]] == [MODEL_NAME]


async def test_health_readiness_and_metrics(client: httpx.AsyncClient, embed) -> None:
    await embed(["query: 측정", "passage: 측정"])
    assert (await client.get("/health")).json() == {"status": "ok"}
    assert (await client.get("/ready")).json() == {"status": "ready"}
    metrics = (await client.get("/metrics")).text
    for line in (
        'embedder_waiting_texts{lane="query"} 0.0',
        'embedder_waiting_texts{lane="passage"} 0.0',
        'embedder_tokens_total{lane="query"}',
        'embedder_request_seconds_count{lane="passage"}',
    ):
        assert line in metrics
