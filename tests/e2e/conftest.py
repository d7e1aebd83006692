"""An academy and its student. These tests talk HTTP through the gateway alone, as any client does."""

from collections.abc import Callable

import pytest

from growfit_local.client import Client
from growfit_local.people import Academy


@pytest.fixture(scope="session")
def academy(make_academy: Callable[[], Academy]) -> Academy:
    return make_academy()


@pytest.fixture(scope="session")
def student(academy: Academy) -> Client:
    return academy.enrol()
