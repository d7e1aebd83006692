"""The data directory: where everything that the stack keeps lies."""

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from growfit_local.errors import StackError

REPOSITORY = Path(__file__).resolve().parents[4]

# A unix socket's path holds 103 (macOS) to 107 bytes, and supervisord appends ".<pid>" while it binds.
_SOCKET_PATH_LIMIT = 90


@dataclass(frozen=True)
class Home:
    root: Path

    @classmethod
    def at(cls, root: Path | str | None = None) -> "Home":
        """The given directory, else GROWFIT_HOME, else `.growfit` in the repository. Not created yet."""
        chosen = root or os.environ.get("GROWFIT_HOME") or REPOSITORY / ".growfit"
        return cls(Path(chosen).expanduser().resolve())

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def nats(self) -> Path:
        return self.root / "nats"

    @property
    def qdrant(self) -> Path:
        return self.root / "qdrant"

    @property
    def documents(self) -> Path:
        return self.root / "documents"

    @property
    def mail(self) -> Path:
        return self.root / "mail"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def state(self) -> Path:
        return self.root / "stack.json"

    @property
    def supervisor_config(self) -> Path:
        return self.root / "supervisord.conf"

    @property
    def programs(self) -> Path:
        return self.root / "programs.json"

    @property
    def supervisor_socket(self) -> Path:
        """In the data directory where the path is short enough, else in a private temporary directory."""
        path = self.root / "supervisor.sock"
        if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
            return path
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"growfit-{os.getuid()}-{digest}" / "supervisor.sock"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def create(self) -> None:
        try:
            # Others may pass through, because PostgreSQL's own user must reach its part; what lies inside is closed.
            self.root.mkdir(mode=0o711, parents=True, exist_ok=True)
            for directory in (self.logs, self.nats, self.documents):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _private(self.supervisor_socket.parent)
        except OSError as error:
            raise StackError(
                f"The data directory {self.root} cannot be written: {error}. Choose another: GROWFIT_HOME=DIR make up"
            ) from error

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Hold the start lock, so that two starts at once do not race over ports and files."""
        with (self.root / "start.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StackError(f"Another start is under way in {self.root}; wait for it to end.") from error
            yield


def _private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_uid != os.getuid():
        raise StackError(f"{directory} belongs to another user; remove it, or choose another data directory.")


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner may read it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)
