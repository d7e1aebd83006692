"""One tenant uploads a thousand documents, another one five: how long these five take, against an idle platform."""

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import batched, count, islice

from figures import Figure, listed
from growfit_documents import korean_pdf
from stage import BenchFailed, Stage

from growfit_local.client import Client
from growfit_local.people import Academy

_AT_ONCE = 50  # files of one request
_DELETED_AT_ONCE = 100  # documents of one request
_FEW = 5
_ROUNDS = 5
_POLL_SECONDS = 0.05
_SECONDS = 300
_FIRST_SEED = 10_001


def measure(stage: Stage, *, many: int, say: Callable[[str], None]) -> list[Figure]:
    stage.log_in()
    files = _files()
    other = Academy(stage.stack.url, stage.supervisor, f"b{stage.academy.run}")
    try:
        other.make_class(other.make_partner())
        few = other.enrol()
        idle = [_until_ready(few, other, files) for _ in range(_ROUNDS)]
        say(f"{many} documents of one tenant, then {_FEW} of another")
        uploaded = [
            each
            for part in batched(islice(files, many), _AT_ONCE)
            for each in _upload(stage.student, stage.academy, part)
        ]
        busy = [_until_ready(few, other, files) for _ in range(_ROUNDS)]
        if not stage.student.call("GET", "/documents", params={"state": "uploaded"})["items"]:
            raise BenchFailed(f"the {many} documents were done before the {_FEW} were")
    finally:
        other.close()
    say("deleting them")
    for part in batched(uploaded, _DELETED_AT_ONCE):
        stage.student.call("POST", "/documents/bulk-delete", json={"document_ids": part})
    return [
        Figure(
            "few_beside_many_over_idle",
            statistics.median(busy) / statistics.median(idle),
            f"seconds until {_FEW} documents of a page are ready while {many} of another tenant's wait "
            f"({listed(busy)}) ÷ idle ({listed(idle)})",
            {"busy_s": busy, "idle_s": idle},
        )
    ]


def _files() -> Iterator[tuple[str, bytes]]:
    """One page each, no two alike."""
    for seed in count(_FIRST_SEED):
        yield f"{seed}.pdf", korean_pdf(1, seed=seed)


def _upload(client: Client, academy: Academy, files: tuple[tuple[str, bytes], ...]) -> list[str]:
    parts = [("file", file) for file in files]
    taken = client.settled("POST", "/documents/bulk", params={"class_id": academy.ids["class_id"]}, files=parts)
    if taken["accepted"] < len(parts):
        raise BenchFailed(f"of {len(parts)} documents {taken['accepted']} were taken")
    return [each["document"]["document_id"] for each in taken["items"]]


def _until_ready(client: Client, academy: Academy, files: Iterator[tuple[str, bytes]]) -> float:
    """Seconds from the first byte of some small files until all of them are ready."""
    few = tuple(islice(files, _FEW))
    began = time.perf_counter()
    wanted = set(_upload(client, academy, few))
    while time.perf_counter() - began < _SECONDS:
        ready = client.call("GET", "/documents", params={"state": "ready", "limit": _FEW})["items"]
        if wanted <= {each["document_id"] for each in ready}:
            return time.perf_counter() - began
        time.sleep(_POLL_SECONDS)
    raise BenchFailed(f"{_FEW} small documents are not ready after {_SECONDS} s")
