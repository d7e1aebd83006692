# mypy: disable-error-code="no-untyped-call"
"""The supervisor with three habits of ours; started by `supervision.py`, never by hand.

1. Command lines and environments come from a JSON file that only the owner reads, as they are: nothing to quote.
2. The pause between restarts is bounded and nobody gives up: a process that died comes back when its reason is gone.
3. Nothing outlives its owner: children end with supervisord, and supervisord ends with the parent that it is told of.
"""

import ctypes
import json
import os
import shlex
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from supervisor.options import ProcessConfig, ServerOptions
from supervisor.process import Subprocess
from supervisor.states import ProcessStates
from supervisor.supervisord import go

_LONGEST_PAUSE = 5  # seconds between two starts of a process that keeps dying
_PR_SET_PDEATHSIG = 1
_PARENT_CHECK_SECONDS = 0.5


class _Child(Subprocess):
    def change_state(self, new_state: int, expected: bool = True) -> Any:  # noqa: FBT001, FBT002 - supervisor's
        changed = super().change_state(new_state, expected)
        if new_state == ProcessStates.BACKOFF:
            self.backoff = min(self.backoff, _LONGEST_PAUSE)
            self.delay = int(time.time()) + self.backoff
        return changed


class _ChildConfig(ProcessConfig):
    def make_process(self, group: Any = None) -> _Child:
        process = _Child(self)
        process.group = group
        return process


class _Options(ServerOptions):
    first = True
    test = False

    def processes_from_section(self, parser: Any, section: str, group_name: str, klass: Any = None) -> Any:  # noqa: ARG002
        processes = super().processes_from_section(parser, section, group_name, _ChildConfig)
        programs = json.loads(Path(self.configfile or "").with_name("programs.json").read_text("utf-8"))
        for process in processes:
            program = programs[process.name]
            process.command, process.environment = shlex.join(program["command"]), program["environment"]
        return processes

    def execve(self, filename: str, argv: list[str], env: dict[str, str]) -> None:
        """Runs in the forked child. PostgreSQL's clients read PG* variables, so the person's own stay outside."""
        die_with_parent()
        super().execve(filename, argv, {name: value for name, value in env.items() if not name.startswith("PG")})


def die_with_parent() -> None:
    """Linux: the kernel ends this process when its parent ends, even by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def main(config: str, parent: int) -> None:
    """Run until told to stop. `parent` is the pid to end with; 0 for a stack that stays."""
    if parent:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    options = _Options()
    options.realize(["--nodaemon", "--silent", "-c", config], doc="")
    go(options)
    options.close_httpservers()
    options.close_logger()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
