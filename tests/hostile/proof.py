"""All hostile files through the whole stack: `make test-hostile`.

They are uploaded through the gateway by two people at once, while a third uploads good documents. Each ends in its
state with its reason; the worker that reads them stays small and alive; and the good ones are nearly as fast as ever.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import median

import growfit_documents as documents
import pytest
from hostile_table import CASES, MAX_OCR_PAGES, PARSE_SECONDS, REFUSED

from growfit_local.client import ApiError, Client
from growfit_local.people import new_password
from growfit_local.stack import Stack

pytestmark = pytest.mark.timeout(1_800)

WORKER = "ingest-worker"
GIBIBYTE_KB = 1024 * 1024
SENDERS = 2
USUAL_DOCUMENTS = 5
PAGES = 3


@dataclass
class Seen:
    """What the run showed. `ends`: case → state and reason. Seconds of good documents alone and beside the others."""

    ends: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    worker_kb: int = 0
    workers: set[int] = field(default_factory=set)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {"APP_ENV": "test", "PARSE_SECONDS": str(PARSE_SECONDS), "MAX_OCR_PAGES": str(MAX_OCR_PAGES)}
    running = Stack(tmp_path_factory.mktemp("hostile"), settings=settings)
    running.start()
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def visitor(stack: Stack, name: str) -> Iterator[Client]:
    with Client(stack.url) as client:
        client.sign_up(f"{name}@example.com", new_password(), name)
        yield client


def send(client: Client, name: str, content: bytes) -> tuple[str, str | None]:
    """The document's end: its state and its reason."""
    try:
        made = client.call("POST", "/documents", params={"duplicate": "allow"}, files={"file": (name, content)})
    except ApiError as error:
        return REFUSED, error.code
    ended = client.ready(made["document_id"])
    return ended["state"], ended["problem"]["code"] if ended.get("problem") else None


def good(client: Client, seed: int) -> float:
    """Seconds from the upload of a sound document to its being found."""
    content = documents.korean_pdf(PAGES, seed=seed)
    began = time.perf_counter()
    assert send(client, "good.pdf", content) == ("ready", None)
    return time.perf_counter() - began


@pytest.fixture(scope="module")
def seen(stack: Stack) -> Seen:
    seen, stop = Seen(), threading.Event()
    watcher = threading.Thread(target=watch, args=(stack, seen, stop))
    watcher.start()
    try:
        with visitor(stack, "calm") as calm:
            run(stack, seen, calm)
    finally:
        stop.set()
        watcher.join()
    print(
        f"\n{len(seen.ends)} hostile files; a good document alone {median(seen.alone):.2f} s, beside them "
        f"{median(seen.beside):.2f} s ({median(seen.beside) / median(seen.alone):.2f}x, {len(seen.beside)} of them); "
        f"worker at most {seen.worker_kb // 1024} MB"
    )
    return seen


def watch(stack: Stack, seen: Seen, stop: threading.Event) -> None:
    pid = 0
    while not stop.wait(0.05):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            seen.worker_kb = max(seen.worker_kb, int(status.split("VmRSS:")[1].split()[0]))
        except (OSError, IndexError):
            pid = stack.pid(WORKER)
            seen.workers.add(pid)


def run(stack: Stack, seen: Seen, calm: Client) -> None:
    # Made beforehand: to make them takes a processor, too.
    contents = {name: case.make() for name, case in CASES.items()}
    good(calm, 1)
    seen.alone += [good(calm, 10 + number) for number in range(USUAL_DOCUMENTS)]
    waiting: SimpleQueue[str] = SimpleQueue()
    for name in contents:
        waiting.put(name)

    def work(number: int) -> None:
        with visitor(stack, f"sender-{number}") as client, suppress(Empty):
            while True:
                name = waiting.get_nowait()
                seen.ends[name] = send(client, CASES[name].name, contents[name])

    with ThreadPoolExecutor(SENDERS) as pool:
        working = [pool.submit(work, number) for number in range(SENDERS)]
        while not all(each.done() for each in working):
            seen.beside.append(good(calm, 100 + len(seen.beside)))
    for each in working:
        each.result()
    # And afterwards all is as before: what else the machine does may have changed meanwhile.
    seen.alone += [good(calm, 20 + number) for number in range(USUAL_DOCUMENTS)]


@pytest.mark.parametrize("name", CASES)
def test_each_ends_in_its_state_with_its_reason(seen: Seen, name: str) -> None:
    case = CASES[name]
    assert seen.ends[name] == (case.state, case.reason)


def test_the_worker_stays_under_a_gigabyte(seen: Seen) -> None:
    assert 0 < seen.worker_kb < GIBIBYTE_KB


def test_no_worker_died(seen: Seen, stack: Stack) -> None:
    assert seen.workers - {0} == {stack.pid(WORKER)}


def test_a_good_document_is_ready_within_twice_its_usual_time(seen: Seen) -> None:
    assert len(seen.beside) >= USUAL_DOCUMENTS
    assert median(seen.beside) <= 2 * median(seen.alone)


def test_names_are_kept_harmless(stack: Stack, seen: Seen) -> None:
    with visitor(stack, "names") as client:
        for sent, kept in (("청구서\u202efdp.exe\u202c.txt", "청구서fdp.exe.txt"), ("../../x/y.txt", "y.txt")):
            made = client.call("POST", "/documents", files={"file": (sent, f"이름 {sent!r} 시험".encode())})
            assert made["title"] == kept
