"""What needs a real server, or an app of its own: sockets, back-pressure, shutting down."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import httpx
import numpy as np
import openai
import pytest

from embedder.config import Config
from embedder.directory import MODEL_NAME
from embedder.model import Model
from embedder.server import create_app


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert server.poll() is None
        try:
            if httpx.get(url + "/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("the server did not become ready")


@pytest.fixture(scope="module")
def url(config: Config) -> Iterator[str]:
    port = _free_port()
    environment = os.environ | {"EMBEDDER_MODEL_DIR": str(config.model_directory), "EMBEDDER_THREADS": "1"}
    server = subprocess.Popen([sys.executable, "-m", "embedder", "serve", "--port", str(port)], env=environment)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        assert server.wait(timeout=15) in (0, -15)


def _metric(text: str, name: str) -> float:
    return next(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def test_the_openai_client_gets_the_vectors_of_the_model(url: str, model: Model) -> None:
    texts = ["query: 대한민국의 수도는?", "passage: 서울은 대한민국의 수도이다."]
    with openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0) as client:
        answer = client.embeddings.create(model=MODEL_NAME, input=texts)
        for text, each in zip(texts, answer.data, strict=True):
            assert np.array_equal(np.array(each.embedding, np.float32), model.embed(text).vector)
        with pytest.raises(openai.NotFoundError, match=MODEL_NAME):
            client.embeddings.create(model="other", input="a")


async def test_a_client_that_hangs_up_leaves_no_work_behind(url: str) -> None:
    texts = [f"passage: {n} " + "서울은 대한민국의 수도이다. " * 40 for n in range(1000)]
    body = json.dumps({"model": MODEL_NAME, "input": texts}).encode()
    head = f"POST /v1/embeddings HTTP/1.1\r\nHost: embedder\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    _reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
    waiting = 'embedder_waiting_texts{lane="passage"}'
    async with httpx.AsyncClient(base_url=url) as client:
        writer.write(head + body)
        await writer.drain()
        await _until(client, waiting, lambda texts: texts > 0)
        writer.close()
        await _until(client, waiting, lambda texts: texts == 0)
        metrics = (await client.get("/metrics")).text
    assert _metric(metrics, 'embedder_dropped_texts_total{lane="passage"}') > 500
    assert _metric(metrics, 'embedder_texts_total{lane="passage"}') < 500


async def _until(client: httpx.AsyncClient, name: str, is_so) -> None:
    deadline = time.monotonic() + 10
    while not is_so(_metric((await client.get("/metrics")).text, name)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@pytest.fixture
async def small(config: Config) -> AsyncIterator[httpx.AsyncClient]:
    """Room for 4 waiting texts."""
    app = create_app(replace(config, max_waiting_texts=4))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://embedder") as client,
    ):
        yield client


async def test_a_request_that_does_not_fit_the_queue_is_told_when_to_retry(small: httpx.AsyncClient) -> None:
    async def embed(texts: int) -> httpx.Response:
        return await small.post("/v1/embeddings", json={"model": MODEL_NAME, "input": ["passage: 글"] * texts})

    backlog = asyncio.create_task(embed(300))  # larger than the limit, and taken because nothing waits
    await _until(small, 'embedder_waiting_texts{lane="passage"}', lambda texts: texts > 0)
    answer = await embed(5)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["error"]["code"] == "overloaded"
    assert "embedder_overloaded_requests_total 1.0" in (await small.get("/metrics")).text
    assert (await backlog).status_code == 200
    assert (await embed(4)).status_code == 200
