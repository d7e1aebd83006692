"""Real servers for every test of the repository; see `growfit_local.testing`."""

from collections.abc import Generator

import pytest

pytest_plugins = ["growfit_local.testing"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module share its database, so they stay together when the run is divided among workers."""
    for item in items:
        # There is one stack, so whatever needs it goes to one worker.
        fixtures = getattr(item, "fixturenames", ())
        group = "stack" if "stack" in fixtures else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hostile texts reach the logs of a test; half of a surrogate pair there would not reach the run's main process."""
    report = yield
    report.sections = [(name, text.encode(errors="replace").decode()) for name, text in report.sections]
    return report
