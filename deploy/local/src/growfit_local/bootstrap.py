"""What stands between servers that run and services that may start: roles and schemas, tables, streams."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from growfit_local import environment, postgres
from growfit_local.errors import StartFailed
from growfit_local.home import REPOSITORY, Home
from growfit_local.layout import DATABASE, Layout
from growfit_local.ports import LOOPBACK

_SECONDS = 120


def database(layout: Layout, *, name: str = DATABASE) -> None:
    """Roles, database, schemas and the vector extension, by the script that compose runs as well."""
    server = {
        "PGHOST": LOOPBACK,
        "PGPORT": str(layout.ports["postgres"]),
        "PGUSER": "postgres",
        "PGPASSWORD": layout.secrets["POSTGRES_PASSWORD"],
        "PGCONNECT_TIMEOUT": "10",
    }
    names = {"PSQL": str(postgres.binary("psql")), "GROWFIT_DATABASE": name}
    script = ["bash", str(REPOSITORY / "deploy" / "postgres" / "init.sh")]
    run_step(layout.home, "bootstrap", script, environment.bootstrap(layout) | server | names)


def migrate(layout: Layout, *, name: str = DATABASE) -> None:
    url = layout.database_url("growfit_migrator", database=name)
    run_step(layout.home, "migrate", [sys.executable, "-m", "growfit_local.migrate"], {"MIGRATION_DATABASE_URL": url})


def provision(layout: Layout) -> None:
    run_step(layout.home, "provision", [sys.executable, "-m", "chassis.provision"], environment.provision(layout))


def tables_and_streams(layout: Layout) -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        for step in [pool.submit(migrate, layout), pool.submit(provision, layout)]:
            step.result()


def run_step(home: Home, name: str, command: Sequence[str], variables: Mapping[str, str]) -> None:
    """Run a one-shot program; its output goes to a log of its own.

    Raises:
        StartFailed: it did not end well in time.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    log = home.log(name)
    with log.open("wb") as output:
        try:
            subprocess.run(
                command,
                env=inherited | dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_SECONDS,
                check=True,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise StartFailed(name, "this step did not succeed", log) from error
