"""`make bench-vectors`: filtered search in 100,000 vectors, and bulk writes, in both backends. One table and
bench/vectors.json; exits with 1 when a bar does not hold.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import machine
from figures import Bar, Figure, print_table, write_json
from rich.console import Console
from vectors_backends import BATCH, opened, parsed, servers
from vectors_data import SHARES, Data, scope

_JSON = Path(__file__).with_name("vectors.json")
_WIDTH = 150
_TOP_K = 10
# More than PostgreSQL's five runs before a generic plan, and psycopg's five before a prepared statement.
_WARM_UP = 25
_EXACTLY_COMPARED = 5


@dataclass(frozen=True)
class HeldFigure(Figure):
    held_to: Bar | None = None

    @property
    def bar(self) -> Bar | None:
        return self.held_to


def main() -> int:
    arguments = _arguments()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    about, began = machine.describe(), time.monotonic()
    figures = asyncio.run(_run(arguments, say=lambda text: console.print(f"[dim]· {text}[/]")))
    seconds = time.monotonic() - began
    print_table(console, figures)
    write_json(arguments.json, figures, **about, seconds=round(seconds), chunks=arguments.chunks)
    failed = [figure.name for figure in figures if figure.failed]
    if failed:
        console.print(f"[red]✗ bars that do not hold:[/] {', '.join(failed)}")
    console.print(f"{seconds:.0f} s; {arguments.json}")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=100_000, help="default: %(default)s")
    parser.add_argument("--bulk", type=int, default=4_000, help="chunks of the bulk write; default: %(default)s")
    parser.add_argument("--questions", type=int, default=50, help="of each share; default: %(default)s")
    parser.add_argument("--backend", choices=["pgvector", "qdrant"], help="default: both")
    parser.add_argument("--json", type=Path, default=_JSON, help="default: %(default)s")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, *, say: Callable[[str], None]) -> list[Figure]:
    say(f"{arguments.chunks:,} chunks")
    data = Data.make(arguments.chunks)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as backends:
        for backend in backends:
            if arguments.backend in (None, backend.name):
                async with opened(backend):
                    figures += await _measure(backend, data, arguments, say=say)
    return figures


async def _measure(
    backend: Any, data: Data, arguments: argparse.Namespace, *, say: Callable[[str], None]
) -> list[Figure]:
    say(f"{backend.name}: {arguments.bulk:,} chunks in bulk")
    figures = [await _bulk(backend, data, arguments.bulk)]
    say(f"{backend.name}: loading the rest, building the index")
    began = time.monotonic()
    await backend.load(data, done=arguments.bulk)
    say(f"{backend.name}: {await backend.store.count():,} chunks after {time.monotonic() - began:.0f} s; searching")
    return [*figures, *await _search(backend, data, arguments.questions)]


async def _bulk(backend: Any, data: Data, number: int) -> Figure:
    """Batch by batch in turn, who goes first changing every time, so that a busy moment slows both."""
    raw, own = 0.0, 0.0
    async with backend.raw() as write_raw:
        for n, batch in enumerate(data.batches(0, number, BATCH)):
            chunks = parsed(batch)
            if n % 2:
                raw += await write_raw(chunks)
            began = time.perf_counter()
            await backend.store.upsert_embeddings(batch)
            own += time.perf_counter() - began
            if not n % 2:
                raw += await write_raw(chunks)
    return HeldFigure(
        f"{backend.name}_bulk_over_own",
        raw / own,
        f"{number:,} chunks through the adapter ({number / own:,.0f} a second) ÷ the same rows by the backend's own "
        f"bulk write, ready made ({number / raw:,.0f} a second), indexes in place",
        {},
        Bar(">=", 0.8),
    )


async def _search(backend: Any, data: Data, number: int) -> list[Figure]:
    """All shares in turn, question by question, so that a busy moment slows all of them."""
    questions = data.questions(number + _WARM_UP, seed=7)
    times: dict[str, list[float]] = {name: [] for name in SHARES}
    hybrid: dict[str, list[float]] = {name: [] for name in SHARES}
    recalls: dict[str, list[float]] = {name: [] for name in SHARES}
    fused: dict[str, list[float]] = {name: [] for name in SHARES}
    short = 0
    for n, (vector, words) in enumerate(questions):
        for name, share in SHARES.items():
            filters = {"scopes": [scope(share, n % share)]}
            seconds, hits = await _timed(backend.store.query(vector, _TOP_K, filters))
            worded_seconds, worded = await _timed(backend.store.query(vector, _TOP_K, filters, words))
            if n < _WARM_UP:
                continue
            short += (len(hits) < _TOP_K) + (len(worded) < _TOP_K)
            times[name].append(seconds * 1000)
            hybrid[name].append(worded_seconds * 1000)
            best = data.nearest(vector, share=share, label=n % share, number=_TOP_K)
            recalls[name].append(len(best & {hit.id for hit in hits}) / _TOP_K)
            if n < _WARM_UP + _EXACTLY_COMPARED:
                exact = await backend.store.query(vector, _TOP_K, filters, words, exact=True)
                fused[name].append(len({hit.id for hit in exact} & {hit.id for hit in worded}) / _TOP_K)
    return [
        HeldFigure(f"{backend.name}_short_answers", short, "searches that gave fewer than 10 rows", {}, Bar("<=", 0)),
        *_recall_figures(backend.name, recalls, fused),
        *_time_figures(backend.name, times, hybrid),
    ]


async def _timed(search: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    hits = await search
    return time.perf_counter() - began, hits


def _recall_figures(backend: str, recalls: dict[str, list[float]], fused: dict[str, list[float]]) -> list[Figure]:
    return [
        HeldFigure(
            f"{backend}_recall_{_plain(name)}",
            statistics.mean(series),
            f"recall@10 against a look at every vector, with a filter that keeps {name} "
            f"(with words as well, of {len(fused[name])}, against an exact search: {statistics.mean(fused[name]):.2f})",
            {"recall": series},
            Bar(">=", 0.95),
        )
        for name, series in recalls.items()
    ]


def _time_figures(backend: str, times: dict[str, list[float]], hybrid: dict[str, list[float]]) -> list[Figure]:
    whole, *others = times
    base, worded = statistics.median(times[whole]), statistics.median(hybrid[whole])
    first = HeldFigure(
        f"{backend}_p50_ms",
        base,
        f"p50 of a search among all chunks, after {_WARM_UP} runs of the prepared statement (with words {worded:.1f})",
        {"ms": times[whole], "hybrid_ms": hybrid[whole]},
    )
    return [
        first,
        *(
            HeldFigure(
                f"{backend}_p50_over_unfiltered_{_plain(name)}",
                statistics.median(times[name]) / base,
                f"the same with a filter that keeps {name} ({statistics.median(times[name]):.1f} ms; with words "
                f"{statistics.median(hybrid[name]):.1f}) ÷ that",
                {"ms": times[name], "hybrid_ms": hybrid[name]},
                Bar("<=", 1.5),
            )
            for name in others
        ),
    ]


def _plain(share: str) -> str:
    return share.replace(" %", "pct").replace(".", "_")


if __name__ == "__main__":
    sys.exit(main())
