"""The local Qdrant server: what it keeps, what it refuses, and that the client of production cannot tell."""

import signal
import subprocess
import sys
import uuid

import httpx
import pytest
from qdrant_client import models
from qdrant_client.http.exceptions import UnexpectedResponse

from growfit_local import containers, layout, processes
from growfit_local.home import Home
from growfit_local.ports import LOOPBACK, unused
from growfit_local.qdrant.server import API_VERSION

KEY = "a key of the test"  # conftest.py's
POINTS = "/collections/docs/points"


@pytest.fixture(scope="module")
def server(tmp_path_factory, qdrant_process):
    made = qdrant_process(tmp_path_factory.mktemp("qdrant"))
    made.start()
    with made.client() as client:
        vectors = {"dense": models.VectorParams(size=4, distance=models.Distance.COSINE)}
        client.create_collection("docs", vectors, sparse_vectors_config={"words": models.SparseVectorParams()})
        client.create_payload_index("docs", "n", field_schema=models.PayloadSchemaType.INTEGER)
    yield made
    made.process.terminate()
    # uvicorn ends in good order and then says by which signal.
    assert made.process.wait(20) in (0, -signal.SIGTERM)


def _points(numbers):
    return [
        models.PointStruct(
            id=str(uuid.UUID(int=n + 1)), vector={"dense": [1.0, n, 0, 0]}, payload={"n": n, "null": None}
        )
        for n in numbers
    ]


def test_acknowledged_points_survive_kill_9(server):
    with server.client() as client:
        alias = models.CreateAlias(collection_name="docs", alias_name="growfit_docs")
        client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
        for start in range(0, 200, 20):
            client.upsert("growfit_docs", _points(range(start, start + 20)), wait=True)
        client.delete("growfit_docs", [str(uuid.UUID(int=1))], wait=True)
        client.set_payload("growfit_docs", {"seen": 1}, points=[str(uuid.UUID(int=2))], wait=True)
    server.kill()
    server.start()
    with server.client() as client:
        assert client.count("growfit_docs").count == 199
        points, _ = client.scroll("growfit_docs", limit=300, with_payload=True, with_vectors=True)
    assert [point.payload["n"] for point in points] == list(range(1, 200))
    assert points[0].payload["seen"] == 1
    assert points[0].vector["dense"] == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0])


def test_one_process_has_a_folder(server):
    command = [sys.executable, "-m", "growfit_local.qdrant", "--folder", str(server.folder), "--port", str(unused())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "another process has" in done.stderr


def test_the_key_is_asked_for_and_health_is_not(server):
    assert server.send("GET", "/collections", key="wrong").status_code == 401
    assert server.send("GET", "/collections", key="").status_code == 401
    assert server.send("GET", "/collections").json()["result"]["collections"] == [{"name": "docs"}]
    assert httpx.get(f"{server.url}/readyz").status_code == 200
    version = httpx.get(server.url).json()
    assert version["version"] == API_VERSION
    assert "local server: the real Qdrant engine" in version["title"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("GET", "/collections/docs/snapshots", None, 501, "does not know GET"),
        ("PATCH", "/collections/docs", {}, 501, "does not know PATCH"),
        ("POST", "/collections/docs/points/facet", {"key": "n"}, 501, "does not know POST"),
        ("GET", "/collections/none", None, 404, "doesn't exist"),
        ("PUT", "/collections/docs", {"vectors": {"a": {"size": 2, "distance": "Cosine"}}}, 409, "already exists"),
        ("PUT", "/collections/..%2Fx", {"vectors": {"a": {"size": 2, "distance": "Cosine"}}}, 501, ""),
        ("PUT", "/collections/x", {"vectors": {"a": {"size": 2, "distance": "Cosine"}}, "shard_number": 2}, 501, "one"),
        ("PUT", "/collections/x", {"vectors": {"a": {"size": 2, "distance": "Manhattan"}}}, 501, "Manhattan"),
        ("POST", f"{POINTS}/count", {"exact": True, "shard_key": "a"}, 501, "shard_key"),
        ("POST", f"{POINTS}/count", {"filter": {"min_should": {}}}, 501, "min_should"),
        ("POST", f"{POINTS}/count", {"filter": {"must": {"key": "n", "match": {"value": True}}}}, 501, "booleans"),
        ("POST", f"{POINTS}/count", {"filter": {"must": {"key": "n", "match": {"text": "x"}}}}, 501, "text"),
        ("POST", f"{POINTS}/count", {"filter": [1]}, 400, "must be an object"),
        ("POST", f"{POINTS}/query", {"query": [1, 0], "using": "dense"}, 400, "dim"),
        ("POST", f"{POINTS}/query", {"query": [1, 0, 0, 0], "using": "other"}, 400, "other"),
        ("POST", f"{POINTS}/query", {"query": {"fusion": "rrf"}}, 501, "by a vector"),
        ("POST", f"{POINTS}/query", {"query": [1, 0, 0, 0], "using": "dense", "limit": -1}, 400, "limit"),
        ("POST", f"{POINTS}/delete", {"filter": {}}, 501, "by their ids"),
        ("PUT", "/collections/docs/points", {"points": [{"id": "x", "vector": {}}]}, 400, ""),
        ("PUT", "/collections/docs/points", {"batch": {}}, 400, "points"),
    ],
)
def test_what_it_does_not_know_it_refuses(server, method, path, body, status, says):
    answer = server.send(method, path, body)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["status"]["error"]


def test_a_body_that_is_no_json_is_refused(server):
    answer = httpx.post(f"{server.url}/collections/docs/points/count", content=b"{", headers={"api-key": KEY})
    assert (answer.status_code, "JSON" in answer.text) == (400, True)


def test_points_change_by_condition_and_in_batches(server):
    older = models.Filter(must=[models.FieldCondition(key="n", range=models.Range(lt=500))])
    with server.client() as client:
        (point,) = _points([500])
        client.upsert("docs", [point])
        point.payload = {"n": 1}
        client.upsert("docs", [point], update_filter=older)
        assert client.retrieve("docs", [point.id])[0].payload["n"] == 500
        operations = [
            models.SetPayloadOperation(set_payload=models.SetPayload(payload={"n": 501}, points=[point.id])),
            models.DeleteOperation(delete=models.PointIdsList(points=[str(uuid.UUID(int=3))])),
        ]
        client.batch_update_points("docs", operations)
        client.overwrite_payload("docs", {"only": 1}, points=[str(uuid.UUID(int=5))])
        found = {
            each.id: each.payload
            for each in client.retrieve("docs", [point.id, *(str(uuid.UUID(int=n)) for n in (3, 5))])
        }
    assert found == {point.id: {"n": 501, "null": None}, str(uuid.UUID(int=5)): {"only": 1}}


def test_deleting_a_collection_takes_its_aliases_along_and_an_alias_is_none(server):
    with server.client() as client:
        client.create_collection("gone", {"dense": models.VectorParams(size=2, distance=models.Distance.DOT)})
        alias = models.CreateAlias(collection_name="gone", alias_name="going")
        client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
        assert client.delete_collection("going") is False
        assert client.collection_exists("going")
        assert client.delete_collection("gone")
        assert not client.collection_exists("going")
        with pytest.raises(UnexpectedResponse, match="404"):
            client.count("going")


@pytest.mark.parametrize(
    ("settings", "runs"),
    [
        ({}, False),
        ({"VECTOR_BACKEND": "qdrant"}, True),
        ({"QDRANT": "local"}, True),
        ({"VECTOR_BACKEND": "qdrant", "QDRANT_URL": "http://qdrant.example:6333"}, False),
    ],
)
def test_the_stack_runs_it_when_vectors_live_there_or_move(tmp_path, settings, runs):
    home = Home.at(tmp_path)
    home.create()
    plan = layout.resolve(home, port=0, host=LOOPBACK, settings=settings)
    assert ("qdrant" in processes.wanted(plan)) is runs
    assert plan.secrets["QDRANT_API_KEY"] not in " ".join(processes.named("qdrant").command(plan))


def test_tests_get_a_server_that_can_be_killed(qdrant_server):
    if qdrant_server.control is None or containers.engine_answers():
        pytest.skip("a server of QDRANT_URL or a container: neither is this process's child")
    answer = httpx.get(f"{qdrant_server.url}/collections", headers={"api-key": qdrant_server.api_key})
    assert answer.status_code == 200
    qdrant_server.kill()
    qdrant_server.wait_ready()
    assert httpx.get(f"{qdrant_server.url}/readyz").status_code == 200
