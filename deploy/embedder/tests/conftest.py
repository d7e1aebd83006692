from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from embedder.config import Config, read_config
from embedder.directory import MODEL_NAME
from embedder.model import Model
from embedder.prepare import prepare
from embedder.server import create_app


@pytest.fixture(scope="session")
def config() -> Config:
    """The real model, made here if set-up has not."""
    config = read_config()
    prepare(config.model_directory)
    return replace(config, threads=2, max_waiting_texts=4096)


@pytest.fixture(scope="session")
def model_directory(config: Config) -> Path:
    return config.model_directory


@pytest.fixture(scope="session")
def model(model_directory: Path) -> Model:
    return Model(model_directory)


@pytest.fixture(scope="session")
async def client(config: Config) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(config)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://embedder") as client,
    ):
        yield client


@pytest.fixture
def embed(client: httpx.AsyncClient):
    async def post(texts, **fields) -> httpx.Response:
        return await client.post("/v1/embeddings", json={"model": MODEL_NAME, "input": texts, **fields})

    return post
