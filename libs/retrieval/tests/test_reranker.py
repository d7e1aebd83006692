"""The reranker over HTTP against a real server, and a search that has one."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from retrieval.bigrams import BigramTerms
from retrieval.chunks import Item
from retrieval.embeddings import Embedded, MeteredEmbeddings
from retrieval.errors import RerankError
from retrieval.memory import MemoryAdapter
from retrieval.models import EmbeddingModel
from retrieval.reranker_http import HttpReranker
from retrieval.reranking import Billed, candidates_to_rerank
from retrieval.retriever import search
from retrieval.store import Hit
from retrieval.token_estimate import estimate_tokens

MINE = {"scopes": ["user:a"]}


@dataclass
class Server:
    """Scores a text by the number in it, unless a test gives another reply."""

    url: str = ""
    reply: Callable[[dict[str, Any]], Any] | None = None
    status: int = 200
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    hangs: bool = False

    async def rerank(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.requests.append(body)
        self.keys.append(request.headers.get("Authorization", ""))
        if self.hangs:
            await asyncio.sleep(30)
        if self.status != 200:
            return web.Response(status=self.status, text="no")
        return web.Response(text=json.dumps((self.reply or jina)(body)), content_type="application/json")


def scores(texts: list[str]) -> list[tuple[int, float]]:
    """The best first, as these APIs answer."""
    return sorted(((n, float(text.split()[-1])) for n, text in enumerate(texts)), key=lambda each: -each[1])


def jina(body: dict[str, Any]) -> Any:
    results = [{"index": n, "relevance_score": score} for n, score in scores(body["documents"])]
    return {"model": body["model"], "usage": {"total_tokens": 77}, "results": results}


def cohere(body: dict[str, Any]) -> Any:
    return {
        "results": jina(body)["results"],
        "meta": {"billed_units": {"search_units": 1}, "tokens": {"input_tokens": 55}},
    }


def unmetered(body: dict[str, Any]) -> Any:
    return {"results": jina(body)["results"]}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    told = Server()
    app = web.Application()
    app.router.add_post("/v1/rerank", told.rerank)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield told
    await runner.cleanup()


@pytest.fixture
async def reranker(server: Server) -> AsyncIterator[HttpReranker]:
    async with HttpReranker("tiny-rerank", base_url=server.url, api_key="k", timeout=1.0) as made:
        yield made


def hits(*texts: str) -> list[Hit]:
    return [Hit(str(n), str(uuid.UUID(int=n)), 1.0, 1.0, 0.0, {"text": text}) for n, text in enumerate(texts)]


@pytest.mark.parametrize(("reply", "tokens"), [(jina, 77), (cohere, 55), (unmetered, None)])
async def test_scores_come_back_in_the_order_of_the_hits(
    server: Server, reranker: HttpReranker, reply: Any, tokens: int | None
) -> None:
    server.reply, billed = reply, list[Billed]()

    assert await reranker.rerank("질문", hits("글 1", "글 3\x00 3", "글 2"), on_billed=billed.append) == [1.0, 3.0, 2.0]
    (request,) = server.requests
    assert (request["model"], request["query"], request["top_n"]) == ("tiny-rerank", "질문", 3)
    assert request["documents"] == ["글 1", "글 3� 3", "글 2"]
    assert server.keys == ["Bearer k"]
    estimate = sum(map(estimate_tokens, request["documents"])) + 3 * estimate_tokens("질문")
    assert billed == [Billed(tokens or estimate, estimated=tokens is None)]


async def test_a_server_that_says_texts_is_asked_so_from_then_on(server: Server, reranker: HttpReranker) -> None:
    async def embeddings_inference(request: web.Request) -> web.Response:
        body = await request.json()
        server.requests.append(body)
        if "texts" not in body:
            return web.Response(status=422, text="missing field `texts`")
        return web.json_response([{"index": n, "score": score} for n, score in scores(body["texts"])])

    server.rerank = embeddings_inference  # type: ignore[method-assign]
    app = web.Application()
    app.router.add_post("/rerank", embeddings_inference)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with HttpReranker("m", base_url=f"http://127.0.0.1:{runner.addresses[0][1]}") as own:
        assert await own.rerank("q", hits("a 1", "b 2")) == [1.0, 2.0]
        assert await own.rerank("q", hits("a 4")) == [4.0]
    await runner.cleanup()
    assert ["texts" in request for request in server.requests] == [False, True, True]


@pytest.mark.parametrize(
    "reply",
    [
        *([], {}, {"results": None}, {"results": ["x"]}, {"results": [{"index": 0, "relevance_score": 1}]}),
        {"results": [{"index": n, "relevance_score": float("nan")} for n in range(2)]},
        {"results": [{"index": n, "relevance_score": 1} for n in (0, 1, 2)]},
        {"results": [{"index": n, "relevance_score": "1"} for n in (0, 1)]},
    ],
)
async def test_a_reply_that_does_not_score_every_text_once_is_refused(
    server: Server, reranker: HttpReranker, reply: Any
) -> None:
    server.reply, billed = (lambda _: reply), list[Billed]()
    with pytest.raises(RerankError):
        await reranker.rerank("질문", hits("글 1", "글 2"), on_billed=billed.append)
    assert [each.outcome for each in billed] == ["failed"]
    assert billed[0].tokens > 0


@pytest.mark.parametrize(("status", "free"), [(401, True), (429, False), (500, False)])
async def test_failures_are_told_with_what_they_may_have_cost(
    server: Server, reranker: HttpReranker, status: int, free: bool
) -> None:
    server.status, billed = status, list[Billed]()
    with pytest.raises(RerankError, match="reranker answered"):
        await reranker.rerank("질문", hits("글 1"), on_billed=billed.append)
    assert [(each.outcome, each.tokens == 0) for each in billed] == [("failed", free)]


async def test_a_server_that_is_not_there_cost_nothing() -> None:
    billed = list[Billed]()
    async with HttpReranker("m", base_url="http://127.0.0.1:1") as nowhere:
        with pytest.raises(RerankError, match="cannot be reached"):
            await nowhere.rerank("질문", hits("글 1"), on_billed=billed.append)
    assert billed == [Billed(0, estimated=True, outcome="failed")]


async def test_a_call_that_is_cancelled_is_told(server: Server, reranker: HttpReranker) -> None:
    server.hangs, billed = True, list[Billed]()
    task = asyncio.create_task(reranker.rerank("질문", hits("글 1"), on_billed=billed.append))
    while not server.requests:  # noqa: ASYNC110  the server is a thread of events of its own
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [each.outcome for each in billed] == ["cancelled"]


async def test_nothing_to_rerank_is_no_call(server: Server, reranker: HttpReranker) -> None:
    assert await reranker.rerank("질문", []) == []
    assert server.requests == []


@pytest.mark.parametrize(("top_k", "number"), [(1, 4), (5, 20), (25, 100), (50, 100), (300, 300)])
def test_how_many_are_reranked_is_bounded(top_k: int, number: int) -> None:
    assert candidates_to_rerank(top_k) == number


class FixedEmbeddings(MeteredEmbeddings):
    async def embed(self, texts: Any, kind: str) -> Embedded:
        return Embedded(np.full((len(texts), 8), 8**-0.5, np.float32), 7)


@pytest.fixture
async def store(model: EmbeddingModel, item: Callable[..., Item]) -> MemoryAdapter:
    """Ten texts, of which the index holds the lower numbers for better."""
    made = MemoryAdapter(model=model, analyser=BigramTerms())
    await made.upsert_embeddings(
        [item(f"글 {n}", ordinal=n, vector=[1.0 + 0.1 * n] + [1.0] * 7, version=1) for n in range(10)]
    )
    return made


async def test_a_search_takes_the_rerankers_order(
    server: Server, reranker: HttpReranker, store: MemoryAdapter, model: EmbeddingModel
) -> None:
    billed = list[Billed]()
    async with FixedEmbeddings(model, base_url="http://127.0.0.1:1/v1") as embeddings:
        asked = {"embeddings": embeddings, "store": store, "filters": MINE, "top_k": 2}
        plain = await search("질문", **asked)
        found = await search("질문", **asked, reranker=reranker, on_reranked=billed.append)

    assert [hit.metadata["text"] for hit in plain.hits] == ["글 0", "글 1"]
    assert [hit.metadata["text"] for hit in found.hits] == ["글 7", "글 6"]
    assert len(server.requests[0]["documents"]) == len(found.rerank_scores) == 8
    assert found.rerank_scores[found.hits[0].id] == 7.0
    assert (found.rerank_error, list(found.terms), billed) == (None, ["질문"], [Billed(77, estimated=False)])


async def test_a_reranker_that_fails_leaves_the_fused_order(
    server: Server,
    reranker: HttpReranker,
    store: MemoryAdapter,
    model: EmbeddingModel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.status, billed = 500, list[Billed]()
    async with FixedEmbeddings(model, base_url="http://127.0.0.1:1/v1") as embeddings:
        found = await search(
            "질문",
            embeddings=embeddings,
            store=store,
            filters=MINE,
            top_k=2,
            reranker=reranker,
            on_reranked=billed.append,
        )

    assert [hit.metadata["text"] for hit in found.hits] == ["글 0", "글 1"]
    assert (found.rerank_scores, [each.outcome for each in billed]) == ({}, ["failed"])
    assert "500" in (found.rerank_error or "")
    assert "fused order" in caplog.text


async def test_a_search_that_finds_nothing_asks_no_reranker(
    server: Server, reranker: HttpReranker, store: MemoryAdapter, model: EmbeddingModel
) -> None:
    async with FixedEmbeddings(model, base_url="http://127.0.0.1:1/v1") as embeddings:
        found = await search(
            "질문", embeddings=embeddings, store=store, filters={"scopes": ["user:z"]}, top_k=2, reranker=reranker
        )
    assert (found.hits, server.requests) == ([], [])
