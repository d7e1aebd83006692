"""The local server builds its HNSW in a process of its own, while it goes on."""

import time
import uuid

import numpy as np
import pytest
from qdrant_client import models

POINTS = 21_000
DIMENSION = 64


def _id(number):
    return str(uuid.UUID(int=number + 1))


@pytest.fixture
def server(tmp_path, qdrant_process):
    made = qdrant_process(tmp_path)
    made.start()
    yield made
    made.process.terminate()
    made.process.wait(20)


def _load(client):
    vectors = {"dense": models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)}
    at_once = models.OptimizersConfigDiff(indexing_threshold=1_000)
    client.create_collection("docs", vectors, optimizers_config=at_once)
    numbers = np.random.default_rng(7).standard_normal((POINTS, DIMENSION), dtype=np.float32).round(3)
    for at in range(0, POINTS, 3_000):
        part = numbers[at : at + 3_000].tolist()
        points = [models.PointStruct(id=_id(at + n), vector={"dense": each}) for n, each in enumerate(part)]
        client.upsert("docs", points, wait=True)
    return numbers


def _await(condition):
    for _ in range(1_200):
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it never happens")


def _copies(server):
    return [each for each in (server.folder / "docs").glob("shard-*") if each.is_dir()]


def _green(client):
    return client.get_collection("docs").status == models.CollectionStatus.GREEN


def test_it_answers_and_takes_writes_while_it_optimises_and_loses_none(server):
    with server.client() as client:
        numbers = _load(client)
        _await(lambda: _copies(server))
        client.upsert("docs", [models.PointStruct(id=_id(POINTS), vector={"dense": [1.0] * DIMENSION})], wait=True)
        client.delete("docs", [_id(3)], wait=True)
        (nearest, *_) = client.query_points("docs", numbers[9].tolist(), using="dense", limit=3).points
        assert not _green(client), "it was over before anything was asked"
        assert nearest.id == _id(9)
        _await(lambda: _green(client))
        info = client.get_collection("docs")
        assert info.points_count == POINTS
        assert info.indexed_vectors_count >= POINTS - 1
        assert [each.id for each in client.retrieve("docs", [_id(3), _id(POINTS)])] == [_id(POINTS)]
    server.kill()
    server.start()
    with server.client() as client:
        assert client.get_collection("docs").points_count == POINTS
        assert client.get_collection("docs").indexed_vectors_count >= POINTS - 1


def test_a_server_that_is_killed_while_it_optimises_has_everything_and_begins_again(server):
    with server.client() as client:
        _load(client)
        _await(lambda: _copies(server))
        client.delete("docs", [_id(3)], wait=True)
    server.kill()
    server.start()
    with server.client() as client:
        assert client.get_collection("docs").points_count == POINTS - 1
        _await(lambda: _green(client))
        assert client.get_collection("docs").points_count == POINTS - 1
    assert len(_copies(server)) == 1


def test_a_collection_that_goes_while_it_is_optimised_leaves_nothing(server):
    with server.client() as client:
        _load(client)
        _await(lambda: _copies(server))
        assert client.delete_collection("docs")
    assert not (server.folder / "docs").exists()
