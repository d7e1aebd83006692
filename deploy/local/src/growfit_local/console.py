"""What a person sees: the status table, and what happens while the stack runs in the foreground."""

import os
import time
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from growfit_local import observed, processes
from growfit_local.errors import StackError
from growfit_local.readiness import is_ready
from growfit_local.stack import Stack
from growfit_local.supervision import ProcessState

_FOLLOW_SECONDS = 1.0


def show_status(stack: Stack, console: Console) -> bool:
    """Print the table; true when every process is ready."""
    table = Table("process", "state", "pid", "where", "MB", "log", box=None, pad_edge=False, header_style="bold")
    table.columns[2].justify = table.columns[4].justify = "right"
    all_ready, total = True, 0.0
    for state in _in_order(stack):
        ready, reason = is_ready(processes.named(state.name), stack.layout) if state.pid else (False, state.reason)
        used = observed.megabytes(state.pid) if state.pid else 0.0
        all_ready, total = all_ready and ready, total + used
        word = "[green]ready[/]" if ready else f"[red]{state.state}[/]: {reason}"[:120]
        where, log = _where(stack, state.name), stack.home.log(state.name).name
        table.add_row(state.name, word, str(state.pid or "-"), where, f"{used:.0f}", log)
    table.add_row("in sum", "", "", "", f"{total:.0f}", "")
    console.print(table)
    console.print(f"\nlogs: {_short(stack.home.logs)}   data: {_short(stack.home.root)}", soft_wrap=True)
    console.print(f"GrowFit: [bold]{stack.url}[/]")
    return all_ready


def follow(stack: Stack, console: Console) -> None:
    """Tell of every process that ends or comes back; return when somebody else stopped the stack."""
    before = stack.states()
    while True:
        time.sleep(_FOLLOW_SECONDS)
        try:
            now = stack.states()
        except StackError:
            console.print("The stack was stopped.")
            return
        for name, state in now.items():
            if (state.pid, state.state == "backoff") != (before[name].pid, before[name].state == "backoff"):
                console.print(f"{datetime.now().astimezone():%H:%M:%S}  {name}: {_change(stack, state)}")
        before = now


def _change(stack: Stack, state: ProcessState) -> str:
    if state.pid:
        return f"[yellow]it had ended; started again[/] (pid {state.pid})"
    return f"[red]it ended[/]; see {_short(stack.home.log(state.name))}"


def _in_order(stack: Stack) -> list[ProcessState]:
    states = stack.states()
    return [states[name] for name in processes.NAMES if name in states]


def _where(stack: Stack, name: str) -> str:
    if name == "traefik":
        return stack.url
    if name in ("postgres", "nats"):
        return f"127.0.0.1:{stack.layout.ports[name]}"
    return stack.layout.url(name)


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
