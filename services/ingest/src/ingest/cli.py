"""Operator's commands: `growfit vectors --help` tells them. They speak to the platform over HTTP, as a supervisor.

GROWFIT_URL: the gateway, http://127.0.0.1:8000 unless set. Who asks: GROWFIT_API_KEY (scopes vectors:read and
vectors:write), or GROWFIT_EMAIL and GROWFIT_PASSWORD. GROWFIT_LANGUAGE: ko or en.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

cli = typer.Typer(no_args_is_help=True, help=__doc__)
vectors = typer.Typer(no_args_is_help=True, help="Move a vector index to another, while everybody goes on working.")
cli.add_typer(vectors, name="vectors")

_ID = Annotated[str, typer.Argument(help="The migration; the newest one unless it is named")]
_NEWEST = "newest"
_LOOK_SECONDS = 1.0
_console = Console(highlight=False)


class Platform:
    """The API, and what it refuses as a line to read."""

    def __init__(self) -> None:
        url = os.environ.get("GROWFIT_URL", "http://127.0.0.1:8000")
        language = os.environ.get("GROWFIT_LANGUAGE", "ko")
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False, headers={"Accept-Language": language})
        self._log_in()

    def _log_in(self) -> None:
        if key := os.environ.get("GROWFIT_API_KEY"):
            self._http.headers["Authorization"] = f"Bearer {key}"
            return
        email, password = os.environ.get("GROWFIT_EMAIL"), os.environ.get("GROWFIT_PASSWORD")
        if not email or not password:
            _fail("Set GROWFIT_API_KEY, or GROWFIT_EMAIL and GROWFIT_PASSWORD.")
        answer = self.ask("POST", "/auth/login", {"email": email, "password": password})
        self._http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        try:
            answer = self._http.request(method, path, json=body, params=query)
        except httpx.HTTPError as error:
            _fail(f"{self._http.base_url} cannot be reached: {error}")
        content = answer.json() if answer.content else {}
        if answer.is_error:
            _fail(f"{content.get('code', answer.status_code)}: {content.get('detail', answer.reason_phrase)}")
        return content

    def path(self, migration_id: str) -> str:
        if migration_id == _NEWEST:
            newest = self.ask("GET", "/vectors/migrations", limit=1)["items"]
            if not newest:
                _fail("There is no migration yet: growfit vectors plan TARGET")
            migration_id = newest[0]["migration_id"]
        return f"/vectors/migrations/{migration_id}"

    def act(self, migration_id: str, act: str, body: dict[str, Any] | None = None) -> None:
        _show(self.ask("POST", f"{self.path(migration_id)}/{act}", body))


@vectors.command()
def indexes() -> None:
    """Every index that there is or was."""
    table = Table("index", "primary", "written", "read")
    for each in Platform().ask("GET", "/vectors/indexes"):
        marks = ("✓" if each[name] else "" for name in ("is_primary", "is_written", "is_read"))
        table.add_row(each["index_id"], *marks)
    _console.print(table)


@vectors.command()
def plan(target: Annotated[str, typer.Argument(help="backend:model:dimension")], rate: int = 50) -> None:
    """Plan a move from the primary index to TARGET, as `qdrant:multilingual-e5-small:384`. Nothing happens yet."""
    _show(Platform().ask("POST", "/vectors/migrations", {"target": target, "rate": rate}))


@vectors.command()
def start(migration_id: _ID = _NEWEST, *, watch: bool = False) -> None:
    """Write both indexes from now on, and bring to the target what there is."""
    Platform().act(migration_id, "start")
    if watch:
        status(migration_id, watch=True)


@vectors.command()
def status(migration_id: _ID = _NEWEST, *, watch: bool = False) -> None:
    """Where it stands; with --watch, until all is brought."""
    platform = Platform()
    path = platform.path(migration_id)
    found = platform.ask("GET", path)
    _show(found)
    if watch and found["stage"] == "backfilling":
        _follow(lambda: platform.ask("GET", path), while_=lambda now: now["stage"] == "backfilling", of="documents")
        _show(platform.ask("GET", path))


@vectors.command()
def pause(migration_id: _ID = _NEWEST) -> None:
    """Let the target wait."""
    Platform().act(migration_id, "pause")


@vectors.command()
def resume(migration_id: _ID = _NEWEST) -> None:
    """Let the target go on, and catch up."""
    Platform().act(migration_id, "resume")


@vectors.command()
def rate(documents_a_second: int, migration_id: _ID = _NEWEST) -> None:
    """Bring more or fewer documents a second."""
    platform = Platform()
    _show(platform.ask("PATCH", platform.path(migration_id), {"rate": documents_a_second}))


@vectors.command()
def verify(migration_id: _ID = _NEWEST) -> None:
    """Prove that the target holds, finds and shows exactly what it should. Exit code 1: it does not."""
    platform = Platform()
    path = platform.path(migration_id)
    check = f"{path}/checks/{platform.ask('POST', f'{path}/verify')['check_id']}"
    _follow(lambda: platform.ask("GET", check), while_=lambda now: now["verdict"] in ("asked", "running"), of="proof")
    found = platform.ask("GET", check)
    for name, part in (found["report"] or {}).items():
        if isinstance(part, dict):
            facts = ", ".join(f"{key}: {value}" for key, value in part.items() if key != "is_green")
            _console.print(f"[{'green' if part['is_green'] else 'red'}]{name:8}[/] {facts}")
    _console.print(f"{found['verdict']}: {check}/page")
    sys.exit(0 if found["verdict"] == "green" else 1)


@vectors.command()
def shadow(share: int, migration_id: _ID = _NEWEST) -> None:
    """Ask the target too, for SHARE of 100 searches, and only compare."""
    Platform().act(migration_id, "shadow", {"share": share})


@vectors.command()
def switch(
    migration_id: _ID = _NEWEST,
    *,
    everybody: Annotated[bool, typer.Option("--all")] = False,
    org: Annotated[list[str] | None, typer.Option(help="An org's id; may be given more than once")] = None,
    share: Annotated[int, typer.Option(help="Of 100 users")] = 0,
) -> None:
    """Let searches read the target. Needs a green proof of the last hour."""
    Platform().act(migration_id, "switch", {"everybody": everybody, "org_ids": org or [], "share": share})


@vectors.command()
def rollback(migration_id: _ID = _NEWEST) -> None:
    """Let all searches read the source again, at once."""
    Platform().act(migration_id, "rollback")


@vectors.command()
def finalise(migration_id: _ID = _NEWEST, *, early: bool = False) -> None:
    """Make the target the primary index; --early: before it was held long enough. There is no way back."""
    Platform().act(migration_id, "finalise", {"early": early})


@vectors.command()
def cancel(migration_id: _ID = _NEWEST) -> None:
    """Give it up."""
    Platform().act(migration_id, "cancel")


@vectors.command()
def drop(
    migration_id: _ID = _NEWEST,
    *,
    lost: Annotated[
        bool, typer.Option("--lost", help="Its server is gone for good: no backup, only forget it")
    ] = False,
) -> None:
    """Remove the index that is needed no more, after a backup of it."""
    Platform().act(migration_id, "drop?lost=true" if lost else "drop")


@vectors.command()
def restore(migration_id: _ID = _NEWEST) -> None:
    """Make the dropped index again from its backup."""
    Platform().act(migration_id, "restore")


def _show(found: dict[str, Any]) -> None:
    table = Table(show_header=False, box=None)
    skipped = {"shadow", "backup", "lagging", "org_ids", "check", "started_by"}
    for name, value in found.items():
        if name not in skipped and value is not None:
            table.add_row(name, str(value))
    for name in ("org_ids", "shadow", "backup", "lagging", "check"):
        if found.get(name):
            table.add_row(name, str(found[name]))
    _console.print(table)


def _follow(look: Callable[[], dict[str, Any]], *, while_: Callable[[dict[str, Any]], bool], of: str) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>5.1f} %"),
        TextColumn("{task.fields[rate]}"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=_console, transient=True) as bar:
        task = bar.add_task(of, total=1.0, rate="")
        began, first = time.monotonic(), None
        while while_(now := look()):
            told = now.get("told")
            first = told if first is None else first
            seconds = max(time.monotonic() - began, 0.001)
            pace = f"{(told - first) / seconds:.1f}/s" if told is not None and first is not None else ""
            bar.update(task, completed=now["progress"], rate="paused" if now.get("is_paused") else pace)
            time.sleep(_LOOK_SECONDS)


def _fail(message: str) -> Any:
    typer.echo(message, err=True)
    sys.exit(1)


if __name__ == "__main__":
    cli()
