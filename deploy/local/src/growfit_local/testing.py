"""Pytest fixtures with real servers: `pytest_plugins = ["growfit_local.testing"]` in the root conftest.

Servers are containers where a Docker engine answers and processes of the installed wheels elsewhere; tests cannot
tell. All of it ends with the test run, also after Ctrl-C or a kill -9 of pytest.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from growfit_local import containers
from growfit_local.layout import Layout
from growfit_local.ports import LOOPBACK
from growfit_local.servers import Control, Database, NatsServer, PostgresServer, QdrantServer, local
from growfit_local.stack import Stack


def _server(name: str, root: Path) -> AbstractContextManager[tuple[Layout, Control]]:
    return containers.container(name, root) if containers.engine_answers() else local(name, root)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """PostgreSQL 16 with pgvector and GrowFit's roles; tests take their `database` from it."""
    root = tmp_path_factory.mktemp("postgres")
    with _server("postgres", root) as (layout, control):
        server = PostgresServer(layout, control)
        # Tests end processes and never the machine: what was written survives that in its cache. The stack's own waits.
        server.execute("ALTER SYSTEM SET fsync = off")
        server.execute("SELECT pg_reload_conf()")
        yield server
    _forget_data(root)


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A migrated database for each test module, copied from a template in about 0.2 s."""
    with postgres_server.database() as made:
        yield made


@contextmanager
def running_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """NATS with JetStream, the real permissions, fresh keys, and all streams and consumers."""
    root = tmp_path_factory.mktemp("nats")
    with _server("nats", root) as (layout, control):
        server = NatsServer(layout, control)
        server.provision()
        yield server
    _forget_data(root)


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with running_nats(tmp_path_factory) as server:
        yield server


@contextmanager
def running_qdrant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QdrantServer]:
    """A Qdrant server of the caller's own: a container, or the local server that has the real engine in it."""
    root = tmp_path_factory.mktemp("qdrant")
    with _server("qdrant", root) as (layout, control):
        yield QdrantServer(layout.url("qdrant"), layout.secrets["QDRANT_API_KEY"], control)
    _forget_data(root)


@pytest.fixture(scope="session")
def qdrant_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QdrantServer]:
    """The server at QDRANT_URL (with QDRANT_API_KEY), else one of this run's own."""
    if url := os.environ.get("QDRANT_URL"):
        yield QdrantServer(url, os.environ.get("QDRANT_API_KEY", ""), None)
        return
    with running_qdrant(tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack on free ports, as `make up` starts it."""
    root = tmp_path_factory.mktemp("stack")
    # The tests' own LLM provider listens here, and no other may be set.
    models = {"LLM_ALLOWED_HOSTS": LOOPBACK, "LLM_PRIVATE_ADDRESSES": "allow"}
    running = Stack(root, settings={"APP_ENV": "test"} | models)
    running.start()
    try:
        yield running
    finally:
        running.stop()
        _forget_data(root)


def _forget_data(root: Path) -> None:
    """The logs stay for whoever looks into a failure; the data would fill the disk."""
    for name in ("postgres", "nats", "qdrant", "documents"):
        shutil.rmtree(root / name, ignore_errors=True)
