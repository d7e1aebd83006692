"""`python -m growfit_local`: the commands behind `make up`, `make down` and `make status`."""

import os
import shlex
import signal
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from growfit_local import console as screen
from growfit_local import credentials, environment, postgres
from growfit_local.errors import StackError
from growfit_local.home import REPOSITORY
from growfit_local.layout import DATABASE
from growfit_local.ports import LOOPBACK, MAX_PORT
from growfit_local.stack import Stack

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="The GrowFit stack on this machine.")
console = Console()

Data = Annotated[Path | None, typer.Option(help="The data directory; default GROWFIT_HOME, else .growfit")]
_INTERRUPTED = 130


@cli.command()
def up(
    data: Data = None,
    *,
    port: Annotated[
        int, typer.Option(envvar="PORT", min=0, max=MAX_PORT, help="The gateway's port; 0 for any free one")
    ] = 8000,
    host: Annotated[str, typer.Option(envvar="GROWFIT_HOST", help="The gateway's address")] = LOOPBACK,
    detach: Annotated[bool, typer.Option("--detach", help="Return when everything is ready")] = False,
) -> None:
    """Start the stack. Ctrl-C stops it, unless it was started with --detach."""
    stack = Stack(data, port=port, host=host, settings=environment.chosen(REPOSITORY / ".env"))
    if stack.is_up():
        console.print("The stack is up already.\n")
        screen.show_status(stack, console)
        return
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _start(stack, detach=detach)
    except KeyboardInterrupt:
        _stop(stack)
        raise typer.Exit(_INTERRUPTED) from None
    except StackError as error:
        _fail(error)
    if not detach:
        _stay(stack)


def _stay(stack: Stack) -> None:
    console.print("Ctrl-C stops everything.")
    try:
        screen.follow(stack, console)
    except KeyboardInterrupt:
        _stop(stack)


def _start(stack: Stack, *, detach: bool) -> None:
    began = time.monotonic()
    with console.status("starting …") as status:

        def on_ready(name: str) -> None:
            console.print(f"  [green]✓[/] {name:<14} {time.monotonic() - began:5.1f} s")
            status.update("starting …")

        stack.start(detach=detach, on_ready=on_ready)
    console.print(f"up in {time.monotonic() - began:.1f} s\n")
    screen.show_status(stack, console)


def _stop(stack: Stack) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if stack.is_up():
        console.print("\nstopping …")
        stack.stop()
    console.print("stopped")


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _fail(error: StackError) -> NoReturn:
    Console(stderr=True).print(f"[red]GrowFit did not start.[/] {error}", highlight=False, soft_wrap=True)
    raise typer.Exit(1)


@cli.command()
def down(data: Data = None) -> None:
    """Stop the stack; the data stays."""
    stack = Stack(data)
    if not stack.is_up():
        console.print(f"Nothing runs in {stack.home.root}.")
        return
    stack.stop()
    console.print("stopped")


@cli.command()
def status(data: Data = None) -> None:
    """Show what is up and where. Exit code 1 unless everything is ready."""
    stack = Stack(data)
    if not stack.is_up():
        console.print(f"Nothing runs in {stack.home.root}. Start it: make up")
        raise typer.Exit(1)
    if not screen.show_status(stack, console):
        raise typer.Exit(1)


@cli.command()
def env(process: str, data: Data = None) -> None:
    """Print the environment of one process, as a shell reads it. It holds passwords."""
    try:
        for name, value in sorted(Stack(data).env(process).items()):
            print(f"{name}={shlex.quote(value)}")
    except StackError as error:
        _refuse(error)


@cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context, data: Data = None, role: str = "postgres") -> None:
    """Open psql on the stack's database; further arguments go to psql."""
    if role not in credentials.ROLES:
        _refuse(StackError(f"There is no role {role!r}; there are: {', '.join(credentials.ROLES)}"))
    try:
        layout = Stack(data).layout
    except StackError as error:
        _refuse(error)
    program = str(postgres.binary("psql"))
    address = ["-h", LOOPBACK, "-p", str(layout.ports["postgres"]), "-U", role, "-d", DATABASE]
    variables = os.environ | {"PGPASSWORD": layout.secrets[credentials.ROLES[role]]}
    os.execve(program, [program, *address, *context.args], variables)  # noqa: S606 - psql takes over the terminal


@cli.command()
def secrets() -> None:
    """Print new passwords and keys as lines for `.env`, for a start under compose."""
    for name, value in credentials.generate().items():
        print(f"{name}={value}")


def _refuse(error: StackError) -> NoReturn:
    Console(stderr=True).print(str(error), highlight=False, soft_wrap=True)
    raise typer.Exit(1)
