"""From upload to searchable, against the bare embedding loop over the same chunks."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import beside
from apart import Apart
from figures import Figure, listed
from machine import processor_seconds
from stage import BenchFailed, Stage, Uploaded

_POLL_SECONDS = 0.05
_NEARLY = 0.99
_SECONDS = 900
_WARM_UP_TEXTS = 20


@dataclass(frozen=True)
class _Run:
    """Seconds by the clock and of the processors, of the whole path, of the loop over the same chunks, and of a
    LangChain script over the same file.
    """

    chunks: int
    path: float
    loop: float
    script: float
    path_cpu: float
    loop_cpu: float

    @property
    def ratio(self) -> float:
        return self.loop / self.path


def measure(
    stage: Stage, *, pages: int, seeds: Sequence[int], say: Callable[[str], None]
) -> tuple[list[Figure], list[Uploaded]]:
    """Path, loop and script in turn, once a seed, because a machine that changes its pace does so for all. The
    documents stay, for what comes after.
    """
    runs, documents = [], []
    with Apart("engines", "embedder") as engine, beside.script(stage) as script:
        for seed in seeds:
            pdf = stage.pdf(pages, seed=seed)
            stage.log_in()
            say(f"a document of {pages} pages, seed {seed}: from upload to searchable")
            began = stage.processor_seconds()
            document, path = _searchable(stage, pdf)
            stage.wait_ready(document)
            path_cpu = stage.processor_seconds() - began
            texts = stage.chunk_texts(document)
            say(f"its {len(texts)} chunks through the bare loop (the path took {path:.1f} s)")
            loop, loop_cpu = _loop(engine, texts)
            say(f"the same file by a LangChain script (the loop took {loop:.1f} s)")
            runs.append(_Run(len(texts), path, loop, script.seconds(pdf, document), path_cpu, loop_cpu))
            documents.append(document)
    return _figures(pages, runs), documents


def _loop(engine: Apart, texts: list[str]) -> tuple[float, float]:
    engine.ask(texts=texts[:_WARM_UP_TEXTS])
    began = processor_seconds([engine.pid])
    seconds = float(engine.ask(texts=texts)["seconds"])
    return seconds, processor_seconds([engine.pid]) - began


def _searchable(stage: Stage, pdf: Path) -> tuple[Uploaded, float]:
    """Seconds from the first byte sent until a search finds the fact that stands on the last page."""
    began = time.perf_counter()
    document = stage.upload(pdf)
    fact = document.fact(document.pages)
    for now in stage.student.follow(document.document_id):
        if now["state"] in ("failed", "rejected", "cancelled"):
            raise BenchFailed(f"a document ended as {now['state']}: {now['problem']}")
        # From here on the index is written, and what it holds can be seen by searching alone.
        if now["progress"] >= _NEARLY:
            break
    while True:
        hits = stage.search(fact.sentence)
        seconds = time.perf_counter() - began
        if any(hit["document_id"] == document.document_id and fact.value in hit["text"] for hit in hits):
            return document, seconds
        if seconds > _SECONDS:
            raise BenchFailed(f"the last page's fact {fact.code} is not found: {hits[:1]}")
        time.sleep(_POLL_SECONDS)


def _figures(pages: int, runs: Sequence[_Run]) -> list[Figure]:
    series: dict[str, list[float]] = {
        name: [getattr(run, name) for run in runs]
        for name in ("chunks", "path", "loop", "script", "path_cpu", "loop_cpu", "ratio")
    }
    path_rate = statistics.median(run.chunks / run.path for run in runs)
    loop_rate = statistics.median(run.chunks / run.loop for run in runs)
    share = statistics.median(run.loop_cpu / run.path_cpu for run in runs)
    per_page = [pages / run.path for run in runs]
    return [
        Figure(
            "pipeline_over_embed_loop",
            path_rate / loop_rate,
            f"chunks/s from upload to searchable, through the gateway ({path_rate:.1f}), ÷ the bare embedding loop "
            f"over the same chunks ({loop_rate:.1f}); runs: {listed(series['ratio'])}; of processor time {share:.2f}",
            series,
        ),
        Figure(
            "pipeline_over_langchain_script",
            statistics.median(run.script / run.path for run in runs),
            "seconds of a LangChain script (PyMuPDF, its splitter, PGVectorStore) over the same file, embedder and "
            f"PostgreSQL ({listed(series['script'], digits=1)}) ÷ the path's ({listed(series['path'], digits=1)})",
        ),
        Figure(
            "pages_per_s",
            statistics.median(per_page),
            f"of a Korean PDF of {pages} pages, {statistics.median(series['chunks']):.0f} chunks, on the same path; "
            f"runs: {listed(per_page)}",
            {"pages_per_s": per_page},
        ),
    ]
