"""`POST /search?explain=true`: how each hit came to its place; and a reranker, which orders what a search shows and
what an answer reads, and is booked however it ends.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from contracts.usage import Outcome
from retrieval.models import get_model

MODEL = get_model("multilingual-e5-small")
CODE = "초대 코드는 발급한 때부터 72시간 동안 쓸 수 있습니다."
FEE = "강사료는 매월 25일에 지급하며 세금을 뗀 금액입니다."
LAPTOP = "실습용 노트북은 보증금을 내고 빌립니다."
QUESTION = "초대 코드는 몇 시간 동안 쓸 수 있나요?"
EXPLAINED = "/search?explain=true"


class RerankServer:
    """Speaks the common rerank API. It holds the longest text for the worst, unless a test wants a failure."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.hangs = False
        self.bodies: list[dict[str, Any]] = []
        self.asked = asyncio.Event()

    async def rerank(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        self.asked.set()
        if self.hangs:
            await asyncio.sleep(30)
        if self.status != 200:
            return web.json_response({"error": "no"}, status=self.status)
        scored = [{"index": n, "relevance_score": -len(text)} for n, text in enumerate(body["documents"])]
        return web.json_response({"results": scored, "usage": {"total_tokens": 41}})


@pytest.fixture
async def reranking() -> AsyncIterator[RerankServer]:
    server = RerankServer()
    app = web.Application()
    app.router.add_post("/v1/rerank", server.rerank)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield server
    await runner.cleanup()


async def explained(client, person, **body: Any) -> dict[str, Any]:
    answer = await client.ask(person, "POST", EXPLAINED, json={"query": QUESTION, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_each_side_of_the_search_is_shown(client, library, person) -> None:
    await library.add(FEE, CODE, LAPTOP, scopes=[person.scope])
    body = await explained(client, person)

    about = body["explain"]
    assert (about["backend"], about["model"], about["lexical_weight"]) == (
        "pgvector",
        MODEL.name,
        MODEL.lexical_weight,
    )
    assert about["index"] == f"pgvector:{MODEL.name}:{MODEL.dimension}"
    assert {"초대", "코드", "시간"} <= set(about["terms"])
    assert (about["rerank_model"], about["rerank_error"]) == (None, None)
    for hit in body["hits"]:
        why = hit["explain"]
        assert (why["dense"]["score"], why["lexical"]["score"]) == (hit["cosine"], hit["lexical"])
        assert why["fused_score"] == hit["score"]
        assert hit["score"] == pytest.approx(hit["cosine"] + MODEL.lexical_weight * hit["lexical"], abs=1e-6)
        assert why["rerank_score"] is None
        assert (why["lexical"]["rank"] is None) == (hit["lexical"] == 0)
    assert sorted(hit["explain"]["dense"]["rank"] for hit in body["hits"]) == [1, 2, 3]
    assert body["hits"][0]["explain"]["lexical"]["rank"] == 1


async def test_without_asking_nothing_is_explained(client, library, person) -> None:
    await library.add(CODE, scopes=[person.scope])
    for path in ("/search", "/search?explain=false"):
        body = (await client.ask(person, "POST", path, json={"query": QUESTION})).json()
        assert set(body) == {"search_id", "hits"}
        assert "explain" not in body["hits"][0]


@pytest.mark.parametrize("value", ["maybe", ""])
async def test_explain_is_yes_or_no(client, person, value) -> None:
    answer = await client.ask(person, "POST", f"/search?explain={value}", json={"query": QUESTION})
    assert answer.status_code == 422


async def test_a_reranker_orders_and_is_booked(door, library, person, sql, reranking) -> None:
    await library.add(FEE, CODE, LAPTOP, scopes=[person.scope])
    async with door(rerank_base_url=reranking.url, rerank_model="tiny-rerank", rerank_provider="jina") as client:
        body = await explained(client, person, top_k=2)

    assert [hit["text"] for hit in body["hits"]] == [LAPTOP, FEE]
    assert [hit["explain"]["rerank_score"] for hit in body["hits"]] == [-len(LAPTOP), -len(FEE)]
    assert (body["explain"]["rerank_model"], body["explain"]["rerank_error"]) == ("tiny-rerank", None)
    assert len(reranking.bodies[0]["documents"]) == 3
    usage = await sql.usage(f"search/{body['search_id']}")
    assert set(usage) == {"embedding", "rerank"}
    booked = usage["rerank"]
    assert (booked.provider, booked.model, booked.input_tokens, booked.estimated) == ("jina", "tiny-rerank", 41, False)
    assert (booked.outcome, booked.tenant) == (Outcome.COMPLETED, usage["embedding"].tenant)


@pytest.mark.parametrize(("status", "free"), [(500, False), (401, True)])
async def test_a_reranker_that_fails_leaves_the_order_and_is_booked(
    door, library, person, sql, reranking, caplog, status, free
) -> None:
    await library.add(FEE, CODE, scopes=[person.scope])
    reranking.status = status
    async with door(rerank_base_url=reranking.url) as client:
        body = await explained(client, person, top_k=1)

    assert [hit["text"] for hit in body["hits"]] == [CODE]
    assert "did not answer" in body["explain"]["rerank_error"]
    assert reranking.url not in str(body["explain"])
    assert "fused order" in caplog.text
    booked = (await sql.usage(f"search/{body['search_id']}"))["rerank"]
    assert (booked.outcome, booked.estimated, booked.input_tokens == 0) == (Outcome.FAILED, True, free)


async def test_who_cannot_see_a_text_does_not_have_it_reranked(door, library, person, another, reranking) -> None:
    await library.add(CODE, scopes=[person.scope])
    await library.add(FEE, scopes=[another().scope])
    async with door(rerank_base_url=reranking.url) as client:
        await explained(client, person)

    assert [body["documents"] for body in reranking.bodies] == [[CODE]]


def read(provider) -> list[str]:
    """The passages of the last prompt, in their order."""
    prompt = dict(provider.asked())["user"]
    return [text for _, text in sorted((prompt.index(text), text) for text in (CODE, FEE, LAPTOP) if text in prompt)]


async def test_an_answer_reads_what_the_reranker_holds_for_best(
    door, library, person, sql, reranking, provider
) -> None:
    await library.add(FEE, CODE, LAPTOP, scopes=[person.scope])
    options = {"rerank_base_url": reranking.url, "rerank_model": "tiny-rerank", "rerank_provider": "jina"}
    async with door(passages=2, **options) as client:
        events = await client.answer(person, await client.open(person), QUESTION)

    assert read(provider) == [LAPTOP, FEE]
    assert [body["query"] for body in reranking.bodies] == [QUESTION]
    usage = await sql.usage(f"message/{events[0][1]['message_id']}")
    assert set(usage) == {"embedding", "rerank", "chat"}
    booked = usage["rerank"]
    assert (booked.provider, booked.model, booked.input_tokens, booked.estimated) == ("jina", "tiny-rerank", 41, False)
    assert (booked.outcome, booked.tenant) == (Outcome.COMPLETED, usage["chat"].tenant)


async def test_an_answer_goes_on_in_the_fused_order_without_the_reranker(
    door, library, person, sql, reranking, provider
) -> None:
    await library.add(FEE, CODE, LAPTOP, scopes=[person.scope])
    reranking.status = 500
    async with door(rerank_base_url=reranking.url, passages=1) as client:
        events = await client.answer(person, await client.open(person), QUESTION)

    assert (events[-1][0], read(provider)) == ("done", [CODE])
    booked = (await sql.usage(f"message/{events[0][1]['message_id']}"))["rerank"]
    assert (booked.outcome, booked.estimated) == (Outcome.FAILED, True)


async def test_what_ordering_cost_is_booked_when_the_answer_fails(
    door, library, person, sql, reranking, provider
) -> None:
    await library.add(CODE, scopes=[person.scope])
    provider.behave(status=400)
    async with door(rerank_base_url=reranking.url) as client:
        events = await client.answer(person, await client.open(person), QUESTION)

    assert events[-1][0] == "error"
    usage = await sql.usage(f"message/{events[0][1]['message_id']}")
    assert (usage["rerank"].input_tokens, usage["rerank"].outcome) == (41, Outcome.COMPLETED)
    assert usage["chat"].outcome == Outcome.FAILED


async def test_whoever_leaves_while_it_is_ordered_pays_for_the_call_that_was_made(
    door, library, person, sql, reranking, provider
) -> None:
    await library.add(CODE, scopes=[person.scope])
    reranking.hangs = True
    async with door(rerank_base_url=reranking.url) as client:
        async with client.question(person, await client.open(person), QUESTION) as events:
            started = (await anext(events))[1]
            await reranking.asked.wait()
        row = await sql.ended(started["message_id"])

    usage = await sql.usage(f"message/{started['message_id']}")
    assert (row["state"], set(usage)) == ("cancelled", {"embedding", "rerank"})
    assert usage["rerank"].outcome == Outcome.CANCELLED


async def test_what_a_killed_process_had_ordered_is_booked_by_the_sweep_and_once(
    door, library, person, sql, reranking, provider
) -> None:
    await library.add(CODE, scopes=[person.scope])
    provider.behave(waits_after=1)
    async with (
        door(rerank_base_url=reranking.url, rerank_model="tiny-rerank") as client,
        client.question(person, await client.open(person), QUESTION) as events,
    ):
        started = (await anext(events))[1]
        assert (await anext(events))[0] == "token"
        age = """UPDATE "user".messages SET created_at = created_at - interval '1 hour' WHERE message_id = %s"""
        await sql.rows(age, started["message_id"])
        await library.wired.answers.sweep()
        swept = await sql.usage(f"message/{started['message_id']}")
        provider.go_on.set()
        assert [name async for name, _ in events][-1] == "done"

    assert (swept["rerank"].model, swept["rerank"].input_tokens) == ("tiny-rerank", 41)
    assert await sql.usage(f"message/{started['message_id']}") == swept
