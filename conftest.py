"""Real servers for every test of the repository; see `growfit_local.testing`."""

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
