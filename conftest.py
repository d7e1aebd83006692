"""Real servers for every test of the repository; see `growfit_local.testing`."""

from collections.abc import Generator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["growfit_local.testing"]

# Modules that take minutes come first: begun at the end, one worker would wait for the other.
_FIRST = ("services/ingest/tests/service/", "libs/retrieval/tests/", "services/ingest/tests/")
# There is one whole stack, so all that asks it goes to one worker.
_OF_THE_STACK = ("tests/e2e/", "tests/isolation/", "tests/test_accounting.py")


class ByModule(LoadScopeScheduling):
    """The tests of a module share its database, so they stay together when the run is divided among workers.

    The marks that pytest-xdist has for this have no effect under pytest 9.2, which took what it writes them to away.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "the stack" if nodeid.startswith(_OF_THE_STACK) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByModule:
    # Its own order is by the number of tests, which says nothing of how long they take.
    config.option.loadscopereorder = False
    return ByModule(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        if item.nodeid.startswith(_OF_THE_STACK):
            return 0
        return next((n for n, folder in enumerate(_FIRST, start=1) if item.nodeid.startswith(folder)), len(_FIRST) + 1)

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hostile texts reach the logs of a test; half of a surrogate pair there would not reach the run's main process."""
    report = yield
    report.sections = [(name, text.encode(errors="replace").decode()) for name, text in report.sections]
    return report
