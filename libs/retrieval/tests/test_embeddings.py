"""MeteredEmbeddings against a provider on localhost that answers as it is told."""

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from retrieval import circuit
from retrieval.embedding_provider import CircuitOpen
from retrieval.embeddings import MeteredEmbeddings
from retrieval.errors import EmbeddingInvalid, EmbeddingRefused, EmbeddingUnavailable
from retrieval.models import EmbeddingModel, get_model
from retrieval.token_estimate import estimate_tokens

type Answer = tuple[int, dict[str, str], Any]


@dataclass
class Provider:
    url: str = ""
    answer: Callable[[str, dict[str, Any]], Answer] = lambda path, body: (200, {}, embedded(body))
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def inputs(self) -> list[str]:
        return [text for _, body in self.requests for text in body["input"]]


def vector_of(text: str) -> np.ndarray[Any, Any]:
    vector = np.random.default_rng(list(text.encode())).normal(size=8)
    return (vector / np.linalg.norm(vector)).astype("<f4")


def embedded(body: dict[str, Any], **change: Any) -> dict[str, Any]:
    data = [
        {"object": "embedding", "index": n, "embedding": base64.b64encode(vector_of(text).tobytes()).decode()}
        for n, text in enumerate(body["input"])
    ]
    usage = {"prompt_tokens": 5 * len(data), "total_tokens": 5 * len(data)}
    return {"object": "list", "model": body["model"], "data": data, "usage": usage} | change


@pytest.fixture
def provider() -> Iterator[Provider]:
    told = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told.requests.append((self.path, body))
            status, headers, answer = told.answer(self.path, body)
            payload = json.dumps(answer).encode()
            self.send_response(status)
            standard = {"content-type": "application/json", "content-length": str(len(payload))}
            for name, value in (standard | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        server.shutdown()
        thread.join()


MODEL = EmbeddingModel(
    name="test-8", dimension=8, query_prefix="query: ", passage_prefix="passage: ", lexical_weight=0.2, max_tokens=100
)


@pytest.fixture
async def embeddings(provider: Provider) -> Any:
    async with MeteredEmbeddings(MODEL, base_url=provider.url, retries=0, batch_size=3) as made:
        yield made


async def test_vectors_and_billed_tokens_come_back_in_order(provider: Provider, embeddings: MeteredEmbeddings) -> None:
    texts = [f"글 {n}" for n in range(10)]
    result = await embeddings.embed(texts, "passage")
    assert (result.vectors.shape, result.vectors.dtype, result.tokens) == ((10, 8), np.float32, 50)
    np.testing.assert_allclose(result.vectors, [vector_of(f"passage: {text}") for text in texts], atol=1e-6)
    assert sorted(len(body["input"]) for _, body in provider.requests) == [1, 3, 3, 3]
    assert {(path, body["model"], body["encoding_format"]) for path, body in provider.requests} == {
        ("/v1/embeddings", "test-8", "base64")
    }


async def test_questions_and_passages_have_their_own_prefix(provider: Provider, embeddings: MeteredEmbeddings) -> None:
    await embeddings.embed(["질문"], "query")
    await embeddings.embed(["\x00본문 \ud800"], "passage")
    assert provider.inputs == ["query: 질문", "passage: �본문 �"]


async def test_nothing_to_embed_is_no_call(provider: Provider, embeddings: MeteredEmbeddings) -> None:
    result = await embeddings.embed([], "passage")
    assert (result.vectors.shape, result.tokens, provider.requests) == ((0, 8), 0, [])


async def test_lists_of_floats_and_any_order_are_understood(provider: Provider, embeddings: MeteredEmbeddings) -> None:
    def answer(_: str, body: dict[str, Any]) -> Answer:
        data = [
            {"object": "embedding", "index": n, "embedding": [float(x) for x in vector_of(text)]}
            for n, text in enumerate(body["input"])
        ]
        return 200, {}, embedded(body, data=data[::-1])

    provider.answer = answer
    result = await embeddings.embed(["a", "b"], "query")
    np.testing.assert_allclose(result.vectors, [vector_of("query: a"), vector_of("query: b")], atol=1e-6)


async def test_a_provider_that_does_not_say_is_booked_by_estimate(
    provider: Provider, embeddings: MeteredEmbeddings
) -> None:
    provider.answer = lambda _, body: (200, {}, {k: v for k, v in embedded(body).items() if k != "usage"})
    assert (await embeddings.embed(["안녕하세요"], "query")).tokens == estimate_tokens("query: 안녕하세요") + 2


def _encoded(*values: float) -> dict[str, Any]:
    return {
        "index": 0,
        "object": "embedding",
        "embedding": base64.b64encode(np.array(values, "<f4").tobytes()).decode(),
    }


@pytest.mark.parametrize(
    "change",
    [
        {"data": []},
        {"data": [_encoded(*[8**-0.5] * 8), _encoded(*[8**-0.5] * 8)]},
        {"data": [_encoded(*[7**-0.5] * 7)]},
        {"data": [_encoded(*[1.0] * 8)]},
        {"data": [_encoded(*[0.0] * 8)]},
        {"data": [_encoded(float("nan"), *[0.3] * 7)]},
        {"data": [{"index": 0, "object": "embedding", "embedding": "!!!"}]},
        {"data": [{"index": 0, "object": "embedding", "embedding": ["a"] * 8}]},
        {"data": [{"index": 0, "object": "embedding", "embedding": None}]},
        {"data": None},
    ],
    ids=["none", "too many", "dimension", "length", "zero", "nan", "base64", "text", "null", "no data"],
)
async def test_a_reply_with_other_vectors_is_invalid_and_still_booked(
    provider: Provider, embeddings: MeteredEmbeddings, change: dict[str, Any]
) -> None:
    provider.answer = lambda _, body: (200, {}, embedded(body, **change))
    with pytest.raises(EmbeddingInvalid) as raised:
        await embeddings.embed(["글"], "query")
    assert not raised.value.retryable
    assert raised.value.tokens in (5, 0) if change == {"data": None} else raised.value.tokens == 5


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
async def test_what_passes_may_be_tried_again(provider: Provider, embeddings: MeteredEmbeddings, status: int) -> None:
    provider.answer = lambda _, __: (status, {"retry-after": "7"}, {"error": {"message": "busy"}})
    with pytest.raises(EmbeddingUnavailable) as raised:
        await embeddings.embed(["글"], "query")
    assert (raised.value.retryable, raised.value.retry_after, raised.value.tokens) == (True, 7.0, 0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_what_will_not_change_is_refused(provider: Provider, embeddings: MeteredEmbeddings, status: int) -> None:
    provider.answer = lambda _, __: (status, {}, {"error": {"message": "no"}})
    with pytest.raises(EmbeddingRefused) as raised:
        await embeddings.embed(["글"], "query")
    assert not raised.value.retryable


async def test_no_provider_is_unavailable() -> None:
    async with MeteredEmbeddings(MODEL, base_url="http://127.0.0.1:1/v1", retries=0) as nobody:
        with pytest.raises(EmbeddingUnavailable):
            await nobody.embed(["글"], "query")
        with pytest.raises(EmbeddingUnavailable):
            await nobody.count_tokens(["글"])


async def test_a_provider_that_hangs_is_unavailable(provider: Provider) -> None:
    release = threading.Event()

    def answer(_: str, body: dict[str, Any]) -> Answer:
        release.wait(5)
        return 200, {}, embedded(body)

    provider.answer = answer
    async with MeteredEmbeddings(MODEL, base_url=provider.url, retries=0, timeout=0.2) as impatient:
        with pytest.raises(EmbeddingUnavailable):
            await impatient.embed(["글"], "query")
    release.set()


async def test_an_error_page_is_not_a_reply(provider: Provider, embeddings: MeteredEmbeddings) -> None:
    provider.answer = lambda _, __: (200, {}, "<html>")
    with pytest.raises(EmbeddingInvalid):
        await embeddings.embed(["글"], "query")


async def test_when_one_batch_fails_the_others_are_booked(provider: Provider, embeddings: MeteredEmbeddings) -> None:
    def answer(_: str, body: dict[str, Any]) -> Answer:
        return (500, {}, {}) if "passage: 4" in body["input"] else (200, {}, embedded(body))

    provider.answer = answer
    with pytest.raises(EmbeddingUnavailable) as raised:
        await embeddings.embed([str(n) for n in range(8)], "passage")
    assert raised.value.tokens == 5 * 5


async def test_a_passing_failure_is_tried_again_by_itself(provider: Provider) -> None:
    def answer(_: str, body: dict[str, Any]) -> Answer:
        return (503, {"retry-after": "0.01"}, {}) if len(provider.requests) < 3 else (200, {}, embedded(body))

    provider.answer = answer
    async with MeteredEmbeddings(MODEL, base_url=provider.url) as patient:
        assert (await patient.embed(["글"], "query")).tokens == 5


async def test_who_failed_five_times_in_a_row_is_not_called_until_one_probe_succeeds(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit, "FIRST_PAUSE_SECONDS", 0.3)
    provider.answer = lambda _, __: (500, {"retry-after": "0.01"}, {})
    async with MeteredEmbeddings(MODEL, base_url=provider.url, retries=2) as embeddings:
        for _ in range(2):
            with pytest.raises(EmbeddingUnavailable):
                await embeddings.embed(["글"], "query")
        assert len(provider.requests) == 5, "the sixth try was not made"
        started = time.monotonic()
        with pytest.raises(CircuitOpen) as raised:
            await embeddings.embed(["글"], "query")
        with pytest.raises(CircuitOpen):
            await embeddings.count_tokens(["글"])
        assert time.monotonic() - started < 0.2, "at once"
        assert raised.value.retryable
        assert 0 < raised.value.retry_after <= 0.3
        assert len(provider.requests) == 5

        provider.answer = lambda _, body: (200, {}, embedded(body))
        await asyncio.sleep(raised.value.retry_after)
        both = await asyncio.gather(*(embeddings.embed(["글"], "query") for _ in range(2)), return_exceptions=True)
        assert sorted(type(each).__name__ for each in both) == ["CircuitOpen", "Embedded"], "one probe"
        assert (await embeddings.embed(["글"], "query")).tokens == 5
        assert len(provider.requests) == 7


async def test_what_is_refused_opens_nothing(provider: Provider, embeddings: MeteredEmbeddings) -> None:
    provider.answer = lambda _, __: (401, {}, {})
    for _ in range(8):
        with pytest.raises(EmbeddingRefused):
            await embeddings.embed(["글"], "query")
    assert len(provider.requests) == 8


async def test_a_probe_that_is_cancelled_holds_nobody_up(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit, "FIRST_PAUSE_SECONDS", 0.05)
    provider.answer = lambda _, __: (500, {}, {})
    release, asked = threading.Event(), threading.Event()

    def hang(_: str, body: dict[str, Any]) -> Answer:
        asked.set()
        release.wait(10)
        return 200, {}, embedded(body)

    async with MeteredEmbeddings(MODEL, base_url=provider.url, retries=0) as embeddings:
        for _ in range(5):
            with pytest.raises(EmbeddingUnavailable):
                await embeddings.embed(["글"], "query")
        provider.answer = hang
        await asyncio.sleep(0.05)
        probe = asyncio.create_task(embeddings.embed(["글"], "query"))
        assert await asyncio.to_thread(asked.wait, 10)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        release.set()
        assert (await embeddings.embed(["글"], "query")).tokens == 5


async def test_tokens_are_counted_by_the_provider_without_a_prefix(
    provider: Provider, embeddings: MeteredEmbeddings
) -> None:
    provider.answer = lambda _, body: (200, {}, {"counts": [len(text) for text in body["input"]]})
    assert await embeddings.count_tokens(["가나다", "\x00"] * 800) == [3, 1] * 800
    assert {path for path, _ in provider.requests} == {"/v1/tokenize"}
    assert len(provider.requests) == 2
    assert provider.inputs[:2] == ["가나다", "�"]


@pytest.mark.parametrize("reply", [{"counts": [1]}, {"counts": ["a", 1]}, {"counts": [-1, 2]}, {}, [], "x"])
async def test_a_count_that_is_none_is_invalid(provider: Provider, embeddings: MeteredEmbeddings, reply: Any) -> None:
    provider.answer = lambda _, __: (200, {}, reply)
    with pytest.raises(EmbeddingInvalid):
        await embeddings.count_tokens(["a", "b"])


async def test_without_a_tokenizer_tokens_are_estimated_and_it_is_not_asked_again(
    provider: Provider, embeddings: MeteredEmbeddings
) -> None:
    provider.answer = lambda _, __: (404, {}, {"error": {"message": "Not Found"}})
    text = "한국어 문장의 토큰 수를 추정한다."
    first, second = await embeddings.count_tokens([text]), await embeddings.count_tokens([text])
    assert first == second == [estimate_tokens(text) + 2]
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        # counted by multilingual-e5's own tokenizer, without special tokens
        ("1989년 2월 15일 여의도 농민 폭력 시위를 주도한 혐의로 지명수배되었다.", 26),
        ("The quick brown fox jumps over the lazy dog, then sleeps until Monday.", 19),
    ],
)
def test_the_estimate_is_near_and_not_below(text: str, tokens: int) -> None:
    assert tokens <= estimate_tokens(text) <= 1.5 * tokens


async def test_it_is_langchains_embeddings_and_those_tokens_are_told(provider: Provider) -> None:
    told: list[int] = []
    async with MeteredEmbeddings(MODEL, base_url=provider.url, batch_size=2, on_tokens=told.append) as embeddings:
        assert isinstance(embeddings, Embeddings)
        documents = await embeddings.aembed_documents(["a", "b", "c"])
        question = await embeddings.aembed_query("a")
        assert documents == embeddings.embed_documents(["a", "b", "c"])
        assert question == embeddings.embed_query("a")
    assert np.allclose(documents, [vector_of(f"passage: {text}") for text in "abc"], atol=1e-6)
    assert np.allclose(question, vector_of("query: a"), atol=1e-6)
    assert sum(told) == 2 * (15 + 5)


def test_the_default_model_is_ready_for_the_client() -> None:
    assert (
        MeteredEmbeddings(get_model("multilingual-e5-small"), base_url="http://127.0.0.1:1/v1").model.dimension == 384
    )
