import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from embedder.errors import Overloaded, Stopping
from embedder.lanes import Lanes
from embedder.model import Embedding


class Engine:
    """Stands for the model: keeps the order of texts, and holds a text back until it is released."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.threads: dict[str, str] = {}
        self.ended: dict[str, int] = {}
        self.dropped_texts = 0
        self._gates: dict[str, threading.Event] = {}

    def hold(self, text: str) -> None:
        self._gates[text] = threading.Event()

    def release(self, text: str) -> None:
        self._gates[text].set()

    def __call__(self, text: str) -> Embedding:
        self.order.append(text)
        self.threads[text] = threading.current_thread().name
        if text in self._gates:
            assert self._gates[text].wait(timeout=10)
        if "fails" in text:
            raise ValueError(text)
        return Embedding(vector=np.full(384, len(text), np.float32), tokens=len(text))

    def embedded(self, lane: str, *, tokens: int) -> None:
        self.ended[lane] = self.ended.get(lane, 0) + tokens

    def dropped(self, lane: str, *, texts: int) -> None:
        self.dropped_texts += texts


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def lanes(engine: Engine) -> Iterator[Lanes]:
    lanes = Lanes(engine, threads=1, max_waiting=8, observer=engine)
    lanes.start()
    yield lanes
    for gate in engine._gates.values():
        gate.set()
    lanes.stop()


async def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


async def test_embeddings_come_back_in_the_order_of_the_request(lanes: Lanes, engine: Engine) -> None:
    texts = ["query: a", "passage: bb", "query: ccc", "passage: dddd"]
    found = await lanes.embed(texts)
    assert [embedding.tokens for embedding in found] == [len(text) for text in texts]
    assert engine.ended == {"query": 18, "passage": 24}


async def test_a_query_does_not_wait_for_the_passage_in_hand(lanes: Lanes, engine: Engine) -> None:
    engine.hold("passage: 0")
    bulk = asyncio.create_task(lanes.embed([f"passage: {n}" for n in range(4)]))
    await until(lambda: engine.order == ["passage: 0"])
    await lanes.embed(["query: now"])
    assert engine.order == ["passage: 0", "query: now"]
    engine.release("passage: 0")
    await bulk


async def test_the_thread_that_is_not_nice_takes_a_query_and_the_others_help(lanes: Lanes, engine: Engine) -> None:
    for number in range(20):
        # An answer is told before its thread is free again, and then another may take the next query.
        await until(lambda: lanes._query_thread_is_free)
        await lanes.embed([f"query: alone {number}"])
    assert set(engine.threads.values()) == {"queries"}

    engine.hold("query: 0")
    engine.hold("query: 1")
    both = asyncio.create_task(lanes.embed(["query: 0", "query: 1"]))
    await until(lambda: {"query: 0", "query: 1"} <= engine.threads.keys())
    assert {engine.threads["query: 0"], engine.threads["query: 1"]} == {"queries", "bulk-0"}
    engine.release("query: 0")
    engine.release("query: 1")
    await both


async def test_waiting_queries_overtake_waiting_passages(lanes: Lanes, engine: Engine) -> None:
    engine.hold("passage: 0")
    engine.hold("query: 0")
    bulk = asyncio.create_task(lanes.embed([f"passage: {n}" for n in range(3)]))
    await until(lambda: engine.order == ["passage: 0"])
    held = asyncio.create_task(lanes.embed(["query: 0"]))
    await until(lambda: len(engine.order) == 2)
    queries = asyncio.create_task(lanes.embed(["query: 1", "query: 2"]))
    await until(lambda: lanes.queries.waiting == 2)
    engine.release("passage: 0")
    await queries
    await bulk
    assert engine.order == ["passage: 0", "query: 0", "query: 1", "query: 2", "passage: 1", "passage: 2"]
    engine.release("query: 0")
    await held


async def test_requests_take_turns(lanes: Lanes, engine: Engine) -> None:
    engine.hold("a0")
    large = asyncio.create_task(lanes.embed(["a0", "a1", "a2", "a3"]))
    await until(lambda: engine.order == ["a0"])
    small = asyncio.create_task(lanes.embed(["b0", "b1"]))
    await until(lambda: lanes.passages.waiting == 5)
    engine.release("a0")
    await asyncio.gather(large, small)
    assert engine.order == ["a0", "a1", "b0", "a2", "b1", "a3"]


async def test_a_cancelled_request_drops_what_waits(lanes: Lanes, engine: Engine) -> None:
    engine.hold("a0")
    leaving = asyncio.create_task(lanes.embed(["a0", "a1", "a2"]))
    await until(lambda: engine.order == ["a0"])
    staying = asyncio.create_task(lanes.embed(["b0"]))
    await until(lambda: lanes.passages.waiting == 3)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert lanes.passages.waiting == 1
    engine.release("a0")
    await staying
    assert engine.order == ["a0", "b0"]
    assert engine.dropped_texts == 2


async def test_a_full_lane_refuses_and_says_when_to_come_back(lanes: Lanes, engine: Engine) -> None:
    engine.hold("a0")
    bulk = asyncio.create_task(lanes.embed([f"a{n}" for n in range(8)]))
    await until(lambda: engine.order == ["a0"])
    with pytest.raises(Overloaded) as refused:
        await lanes.embed(["b0", "b1"])
    assert 1 <= refused.value.retry_after <= 60
    assert lanes.passages.waiting == 7
    await lanes.embed(["query: still welcome"])
    engine.release("a0")
    await bulk
    assert "b0" not in engine.order


async def test_a_text_that_fails_fails_its_request_alone(lanes: Lanes, engine: Engine) -> None:
    engine.hold("a0")
    first = asyncio.create_task(lanes.embed(["a0"]))
    await until(lambda: engine.order == ["a0"])
    failing = asyncio.create_task(lanes.embed(["fails", "never"]))
    good = asyncio.create_task(lanes.embed(["b0", "b1"]))
    await until(lambda: lanes.passages.waiting == 4)
    engine.release("a0")
    with pytest.raises(ValueError, match="fails"):
        await failing
    await asyncio.gather(first, good)
    assert engine.order == ["a0", "fails", "b0", "b1"]
    assert lanes.dead_threads() == []


async def test_stopping_ends_what_is_in_hand_and_refuses_the_rest(engine: Engine) -> None:
    lanes = Lanes(engine, threads=1, max_waiting=8, observer=engine)
    lanes.start()
    engine.hold("a0")
    in_hand = asyncio.create_task(lanes.embed(["a0"]))
    await until(lambda: engine.order == ["a0"])
    waiting = asyncio.create_task(lanes.embed(["b0"]))
    await until(lambda: lanes.passages.waiting == 1)
    stopping = asyncio.create_task(asyncio.to_thread(lanes.stop))
    with pytest.raises(Stopping):
        await waiting
    engine.release("a0")
    await stopping
    assert len(await in_hand) == 1
    with pytest.raises(Stopping):
        await lanes.embed(["c0"])
    assert len(lanes.dead_threads()) == 2
