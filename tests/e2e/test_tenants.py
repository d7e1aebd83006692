"""Fifty documents at once by five tenants: all ready, and everybody finds their own alone."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from growfit_documents import korean_pdf

from growfit_local.client import ApiError

TENANTS = 5
DOCUMENTS = 10


@pytest.fixture(scope="module")
def tenants(make_academy: Any, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Each with ten documents that carry its own word, uploaded all at the same time."""
    folder = tmp_path_factory.mktemp("tenants")
    made = []
    for number in range(TENANTS):
        academy = make_academy()
        paths = []
        for at in range(DOCUMENTS):
            path = folder / f"tenant-{number}-document-{at}.pdf"
            path.write_bytes(korean_pdf(1, seed=1000 * number + at, marker=f"표지어{number}번기관"))
            paths.append(path)
        made.append({"number": number, "academy": academy, "student": academy.enrol(), "paths": paths})
    jobs = [(tenant, path) for at in range(DOCUMENTS) for tenant in made for path in [tenant["paths"][at]]]
    with ThreadPoolExecutor(16) as threads:
        uploaded = threads.map(
            lambda job: job[0]["student"].upload(job[1], class_id=job[0]["academy"].ids["class_id"]), jobs
        )
        for (tenant, _), document in zip(jobs, uploaded, strict=True):
            tenant.setdefault("document_ids", []).append(document["document_id"])
    return made


def test_all_become_ready(tenants):
    for tenant in tenants:
        for document_id in tenant["document_ids"]:
            assert tenant["student"].ready(document_id)["state"] == "ready"


def test_everybody_finds_only_their_own(tenants):
    for tenant in tenants:
        own = set(tenant["document_ids"])
        for other in tenants:
            query = {"query": f"표지어{other['number']}번기관", "top_k": 50}
            hits = _hits(tenant["student"], query)
            assert hits
            assert {hit["document_id"] for hit in hits} <= own
        listed = tenant["student"].call("GET", "/documents", params={"limit": 200})["items"]
        assert {document["document_id"] for document in listed} == own


def test_foreign_documents_answer_like_missing_ones(tenants):
    mine, theirs = tenants[0]["student"], tenants[1]["document_ids"][0]
    missing = "00000000-0000-4000-8000-000000000000"
    for method, path in [
        ("GET", "/documents/{}"),
        ("GET", "/documents/{}/events"),
        ("DELETE", "/documents/{}"),
    ]:
        foreign, absent = (_refusal(mine, method, path.format(key)) for key in (theirs, missing))
        assert foreign.status == absent.status == 404
        assert foreign.problem["detail"] == absent.problem["detail"]
    for key in (theirs, missing):
        with pytest.raises(ApiError) as refused:
            mine.call("POST", "/conversations", json={"document_ids": [key]})
        assert (refused.value.status, refused.value.code) == (404, "document_not_found")
        with pytest.raises(ApiError) as refused:
            mine.call("POST", "/search", json={"query": "무엇", "document_ids": [key]})
        assert refused.value.status == 404


def _hits(client: Any, query: dict[str, Any]) -> list[dict[str, Any]]:
    """What is found; asked again while rag has not heard yet of what ingest says is ready."""
    until = time.monotonic() + 30
    while True:
        hits: list[dict[str, Any]] = client.call("POST", "/search", json=query)["hits"]
        if hits or time.monotonic() > until:
            return hits
        time.sleep(0.2)


def _refusal(client: Any, method: str, path: str) -> ApiError:
    with pytest.raises(ApiError) as refused:
        client.call(method, path)
    return refused.value
