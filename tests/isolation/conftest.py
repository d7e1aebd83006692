from collections.abc import Iterator

import httpx
import pytest
from isolation_world.people import Person
from isolation_world.world import World

from growfit_local.people import create_supervisor, new_password
from growfit_local.stack import Stack


@pytest.fixture(scope="session")
def http(stack: Stack) -> Iterator[httpx.Client]:
    """The gateway. Everything in these tests goes through it."""
    with httpx.Client(base_url=stack.url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def world(stack: Stack, http: httpx.Client) -> World:
    email, password = "matrix-supervisor@example.com", new_password()
    create_supervisor(stack, email, password)
    answer = http.post("/auth/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    user_id = http.get("/users/me", headers={"Authorization": f"Bearer {token}"}).json()["user_id"]
    return World(stack, http, Person(user_id, email, password, token))
