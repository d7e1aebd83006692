"""Real servers for every test of the repository; see `growfit_local.testing`."""

pytest_plugins = ["growfit_local.testing"]
