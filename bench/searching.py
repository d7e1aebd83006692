"""Search through the gateway: against the same work in one process, and while a document is processed."""

import json
import random
import statistics
import time
from collections.abc import Callable, Sequence

from apart import Apart
from figures import Figure
from stage import BenchFailed, Stage, Uploaded

_WARM_UP = 10
# Before each question, so that what the one before it left behind (its usage on the way to the ledger) slows neither.
_PAUSE_SECONDS = 0.05
_STATE_EVERY = 10


def questions(documents: Sequence[Uploaded], number: int) -> list[str]:
    """Different Korean questions, each about the fact of another page, in an order that is always the same."""
    every = [document.fact(page).question for document in documents for page in range(1, document.pages + 1)]
    return random.Random(1).sample(every, min(number, len(every)))


def measure(stage: Stage, asked: list[str]) -> list[Figure]:
    """Each question through the gateway and in one process, in turn, who goes first changing every time."""
    stage.log_in()
    url = stage.stack.layout.database_url("vector_reader")
    api, own = [], []
    with Apart("in_process", url, json.dumps(stage.scopes)) as process:
        for question in asked[:_WARM_UP]:
            stage.search(question)
            process.ask(question=question)
        for number, question in enumerate(asked):
            first, second = (_api, _own) if number % 2 else (_own, _api)
            (one, hits), (other, same) = first(stage, process, question), second(stage, process, question)
            if hits != same:
                raise BenchFailed(f"search and the same search in one process differ for {question!r}")
            api.append(one if first is _api else other)
            own.append(one if first is _own else other)
    middle_api, middle_own = statistics.median(api), statistics.median(own)
    return [
        Figure(
            "search_api_p50_ms",
            middle_api,
            f"POST /search through the gateway, {len(asked)} different Korean questions, one at a time",
            {"api_ms": api},
        ),
        Figure(
            "search_api_over_inprocess",
            middle_api / middle_own,
            f"÷ embedding, Kiwi and the vector store in one process on the same database (p50 {middle_own:.1f} ms)",
            {"inprocess_ms": own},
        ),
    ]


def _api(stage: Stage, _: Apart, question: str) -> tuple[float, list[str]]:
    time.sleep(_PAUSE_SECONDS)
    began = time.perf_counter()
    hits = stage.search(question)
    return (time.perf_counter() - began) * 1000, [hit["chunk_id"] for hit in hits]


def _own(_: Stage, process: Apart, question: str) -> tuple[float, list[str]]:
    time.sleep(_PAUSE_SECONDS)
    answer = process.ask(question=question)
    return answer["ms"], answer["hits"]


def measure_during_ingest(
    stage: Stage, asked: list[str], *, pages: int, seed: int, say: Callable[[str], None]
) -> list[Figure]:
    pdf = stage.pdf(pages, seed=seed)
    stage.log_in()
    say("search, idle")
    idle = [_paced(stage, question) for question in asked]
    say(f"search while a document of {pages} pages is processed")
    document = stage.upload(pdf)
    busy: list[float] = []
    while True:
        if len(busy) % _STATE_EVERY == 0 and _is_done(stage, document):
            break
        busy.append(_paced(stage, asked[len(busy) % len(asked)]))
    middle_idle, middle_busy = statistics.median(idle), statistics.median(busy)
    return [
        Figure(
            "search_during_ingest_over_idle",
            middle_busy / middle_idle,
            f"p50 of {len(busy)} searches while a document of {pages} pages is processed ({middle_busy:.1f} ms) ÷ idle "
            f"({middle_idle:.1f} ms), {_PAUSE_SECONDS * 1000:.0f} ms between two",
            {"busy_ms": busy, "idle_ms": idle},
        )
    ]


def _paced(stage: Stage, question: str) -> float:
    time.sleep(_PAUSE_SECONDS)
    began = time.perf_counter()
    stage.search(question)
    return (time.perf_counter() - began) * 1000


def _is_done(stage: Stage, document: Uploaded) -> bool:
    state = stage.student.call("GET", f"/documents/{document.document_id}")["state"]
    if state in ("failed", "rejected", "cancelled"):
        raise BenchFailed(f"a document ended as {state}")
    return bool(state == "ready")
