"""Single servers for tests: the same object whether a process or a container stands behind it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from growfit_local import bootstrap, postgres
from growfit_local.credentials import ROLES, seed_name
from growfit_local.errors import StackError
from growfit_local.layout import Layout
from growfit_local.ports import LOOPBACK
from growfit_local.stack import Stack

_TEMPLATE = "growfit_template"


class Control(Protocol):
    """What a test may do to a server. Data survives all of it."""

    def kill(self) -> None:
        """End it as a power cut would; it comes back by itself."""

    def restart(self) -> None:
        """Stop it in good order and start it again; returns when it is ready."""

    def wait_ready(self) -> None: ...


@dataclass(frozen=True)
class Database:
    layout: Layout
    name: str

    def url(self, role: str) -> str:
        """For SQLAlchemy. Roles: growfit_migrator, a service's package, vector_writer, vector_reader, postgres."""
        return self.layout.database_url(role, database=self.name)

    def libpq_url(self, role: str) -> str:
        return self.layout.database_url(role, database=self.name, driver="postgresql")


@dataclass(frozen=True)
class PostgresServer:
    layout: Layout
    control: Control
    host: str = LOOPBACK

    @property
    def port(self) -> int:
        return self.layout.ports["postgres"]

    def url(self, role: str) -> str:
        return self.layout.database_url(role)

    def password(self, role: str) -> str:
        return self.layout.secrets[ROLES[role]]

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[Database]:
        """A database of its own: a copy of the migrated one, or roles and schemas without any table."""
        name = f"test_{uuid4().hex[:12]}"
        if migrated:
            self._make_template()
            self.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        # A copy takes over tables and schemas, but not who may connect.
        bootstrap.database(self.layout, name=name)
        try:
            yield Database(self.layout, name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _make_template(self) -> None:
        if _TEMPLATE not in self.execute("SELECT datname FROM pg_database WHERE datistemplate").splitlines():
            bootstrap.database(self.layout, name=_TEMPLATE)
            bootstrap.migrate(self.layout, name=_TEMPLATE)
            self.execute(f"ALTER DATABASE {_TEMPLATE} IS_TEMPLATE true")

    def execute(self, sql: str, *, database: str = "postgres") -> str:
        """Run one statement as the superuser; rows come back as lines, columns divided by `|`."""
        command = [str(postgres.binary("psql")), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]
        address = ["-h", self.host, "-p", str(self.port), "-U", "postgres", "-d", database, "-c", sql]
        variables = {"PGPASSWORD": self.password("postgres")}
        done = subprocess.run([*command, *address], env=variables, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StackError(done.stderr.strip())
        return done.stdout.strip()

    def kill(self) -> None:
        self.control.kill()

    def restart(self) -> None:
        self.control.restart()

    def wait_ready(self) -> None:
        self.control.wait_ready()


@dataclass(frozen=True)
class NatsServer:
    layout: Layout
    control: Control

    @property
    def url(self) -> str:
        return self.layout.nats_url

    @property
    def monitor_url(self) -> str:
        return self.layout.url("nats-monitor")

    def seed(self, user: str) -> str:
        """The nkey seed of a user: a service's package, `provision` or `analytics`."""
        return self.layout.secrets[seed_name(user)]

    def provision(self) -> None:
        bootstrap.provision(self.layout)

    def kill(self) -> None:
        self.control.kill()

    def restart(self) -> None:
        self.control.restart()

    def wait_ready(self) -> None:
        self.control.wait_ready()


@dataclass(frozen=True)
class QdrantServer:
    """`control` is None for a server that somebody else runs (QDRANT_URL): it cannot be killed."""

    url: str
    api_key: str
    control: Control | None

    def kill(self) -> None:
        self._controlled().kill()

    def restart(self) -> None:
        self._controlled().restart()

    def wait_ready(self) -> None:
        self._controlled().wait_ready()

    def _controlled(self) -> Control:
        if self.control is None:
            raise StackError("the Qdrant of QDRANT_URL is not this run's to end")
        return self.control


@dataclass(frozen=True)
class LocalControl:
    stack: Stack
    name: str

    def kill(self) -> None:
        self.stack.kill(self.name)

    def restart(self) -> None:
        self.stack.pause(self.name)
        self.stack.resume(self.name)

    def wait_ready(self) -> None:
        self.stack.wait_ready(self.name)


@contextmanager
def local(name: str, root: Path) -> Iterator[tuple[Layout, Control]]:
    stack = Stack(root, only=[name])
    stack.start()
    try:
        yield stack.layout, LocalControl(stack, name)
    finally:
        stack.stop()
