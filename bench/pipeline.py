"""From upload to searchable, against the bare embedding loop over the same chunks."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from apart import Apart
from figures import Figure, listed
from stage import BenchFailed, Stage, Uploaded

_POLL_SECONDS = 0.05
_NEARLY = 0.99
_SECONDS = 900
_WARM_UP_TEXTS = 20


def measure(
    stage: Stage, *, pages: int, seeds: Sequence[int], say: Callable[[str], None]
) -> tuple[list[Figure], list[Uploaded]]:
    """Path and loop in turn, once a seed, because a machine that changes its pace does so for both. The documents
    stay, for what comes after.
    """
    path_seconds, loop_seconds, chunks, documents = [], [], [], []
    with Apart("engines", "embedder") as engine:
        for seed in seeds:
            pdf = stage.pdf(pages, seed=seed)
            stage.log_in()
            say(f"a document of {pages} pages, seed {seed}: from upload to searchable")
            document, seconds = _searchable(stage, pdf)
            path_seconds.append(seconds)
            documents.append(document)
            stage.wait_ready(document)
            texts = stage.chunk_texts(document)
            chunks.append(len(texts))
            say(f"its {len(texts)} chunks through the bare loop (the path took {seconds:.1f} s)")
            engine.ask(texts=texts[:_WARM_UP_TEXTS])
            loop_seconds.append(engine.ask(texts=texts)["seconds"])
    return _figures(pages, path_seconds, loop_seconds, chunks), documents


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


def _figures(pages: int, path: list[float], loop: list[float], chunks: list[int]) -> list[Figure]:
    path_rates = [number / seconds for number, seconds in zip(chunks, path, strict=True)]
    loop_rates = [number / seconds for number, seconds in zip(chunks, loop, strict=True)]
    ratios = [one / other for one, other in zip(path_rates, loop_rates, strict=True)]
    per_page = [pages / seconds for seconds in path]
    series: dict[str, Sequence[float]] = {
        "path_seconds": path,
        "loop_seconds": loop,
        "chunks": chunks,
        "ratios": ratios,
    }
    path_rate, loop_rate = statistics.median(path_rates), statistics.median(loop_rates)
    return [
        Figure(
            "pipeline_over_embed_loop",
            path_rate / loop_rate,
            f"chunks/s from upload to searchable, through the gateway ({path_rate:.1f}), ÷ the bare embedding loop "
            f"over the same chunks ({loop_rate:.1f}); runs: {listed(ratios)}",
            series,
        ),
        Figure(
            "pages_per_s",
            statistics.median(per_page),
            f"of a Korean PDF of {pages} pages, {statistics.median(chunks):.0f} chunks, on the same path; "
            f"runs: {listed(per_page)}",
            {"pages_per_s": per_page},
        ),
    ]
