"""The people of a whole stack, for the tests that need one."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from growfit_local.client import Client
from growfit_local.people import Academy, create_supervisor, new_password
from growfit_local.stack import Stack


@pytest.fixture(scope="session")
def supervisor(stack: Stack) -> Iterator[Client]:
    password = new_password()
    create_supervisor(stack, "supervisor@example.com", password)
    with Client(stack.url) as client:
        client.log_in("supervisor@example.com", password)
        yield client


@pytest.fixture(scope="session")
def make_academy(stack: Stack, supervisor: Client) -> Iterator[Callable[[], Academy]]:
    """An org with a partner, a class and an invite code, made anew at each call."""
    made: list[Academy] = []

    def make() -> Academy:
        academy = Academy(stack.url, supervisor, secrets.token_hex(3))
        made.append(academy)
        academy.owner = academy.make_partner()
        academy.make_class(academy.owner)
        return academy

    yield make
    for academy in made:
        academy.close()
