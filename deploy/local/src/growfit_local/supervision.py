# mypy: disable-error-code="no-untyped-call"
"""The supervisor from the outside: its configuration, its start, its XML-RPC over a socket in the data directory."""

import http.client
import json
import os
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil  # type: ignore[import-untyped]
from supervisor.xmlrpc import SupervisorTransport

from growfit_local.errors import StackError, StartFailed
from growfit_local.home import Home, write_private
from growfit_local.layout import Layout
from growfit_local.processes import GROUPS, Process

SUPERVISOR = "supervisord"
_START_SECONDS = 15
# The slowest group of each kind may use its whole time to stop.
_STOP_SECONDS = 120


@dataclass(frozen=True)
class ProcessState:
    name: str
    state: str
    pid: int
    started_at: float
    reason: str


def render(home: Home, processes: Sequence[Process]) -> str:
    """Render the INI file. Command lines and environments stand in `programs.json`, which needs no quoting."""
    parts = [_server_section(home)]
    for order, group in enumerate(GROUPS):
        members = [process.name for process in processes if process.group == group]
        if members:
            parts.append(f"[group:{group}]\nprograms = {','.join(members)}\npriority = {order}\n")
    parts += [_program_section(home, process) for process in processes]
    return "\n".join(parts)


def _server_section(home: Home) -> str:
    socket = home.supervisor_socket
    return f"""\
[supervisord]
logfile = {_literal(home.log(SUPERVISOR))}
logfile_maxbytes = 5MB
logfile_backups = 1
pidfile = {_literal(home.root / "supervisord.pid")}
childlogdir = {_literal(home.logs)}

[unix_http_server]
file = {_literal(socket)}
chmod = 0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""


def _program_section(home: Home, process: Process) -> str:
    return f"""\
[program:{process.name}]
command = {process.name}
directory = /
autostart = false
autorestart = true
startsecs = 2
startretries = 1000000000
stopsignal = {process.stop_signal}
stopwaitsecs = {process.stop_seconds}
killasgroup = true
redirect_stderr = true
stdout_logfile = {_literal(home.log(process.name))}
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3
"""


def _literal(value: object) -> str:
    """The INI parser expands %(name)s everywhere; a percent sign of ours stays one."""
    return str(value).replace("%", "%%")


class Supervision:
    def __init__(self, home: Home) -> None:
        self.home = home
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, layout: Layout, processes: Sequence[Process]) -> None:
        write_private(self.home.supervisor_config, render(self.home, processes))
        programs = {
            process.name: {"command": process.command(layout), "environment": process.environment(layout)}
            for process in processes
        }
        write_private(self.home.programs, json.dumps(programs, indent=2))

    def start(self, *, detach: bool) -> None:
        """Start supervisord, which starts nothing by itself. Unless detached, it ends with this process."""
        self.home.supervisor_socket.unlink(missing_ok=True)
        parent = 0 if detach else os.getpid()
        command = [sys.executable, "-m", "growfit_local.supervise", str(self.home.supervisor_config), str(parent)]
        with self.home.log(SUPERVISOR).open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise StartFailed(SUPERVISOR, "it did not start", self.home.log(SUPERVISOR))
            time.sleep(0.02)

    def is_up(self) -> bool:
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except StackError:
            return False

    def start_processes(self, names: Sequence[str]) -> None:
        for name in names:
            self._call("startProcess", self._full_name(name), False)

    def stop_process(self, name: str) -> None:
        self._call("stopProcess", self._full_name(name), True)

    def states(self) -> dict[str, ProcessState]:
        return {
            info["name"]: ProcessState(
                name=info["name"],
                state=info["statename"].lower(),
                pid=info["pid"],
                started_at=info["start"],
                reason=info["spawnerr"],
            )
            for info in self._call("getAllProcessInfo")
        }

    @property
    def pid(self) -> int:
        return int(self._call("getPID"))

    def shutdown(self) -> None:
        """Stop everything in reverse order and wait for the end. No error when nothing is up."""
        try:
            supervisor = psutil.Process(self.pid)
            self._call("shutdown")
        except (StackError, psutil.NoSuchProcess):
            self._end_own()
            return
        try:
            supervisor.wait(timeout=_STOP_SECONDS)
        except psutil.TimeoutExpired as error:
            raise StackError(f"supervisord (pid {supervisor.pid}) did not end; see {self.home.logs}") from error
        self._end_own()

    def _end_own(self) -> None:
        """The supervisor that this object started is a child: it is told to end if nobody could ask it, and reaped."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_STOP_SECONDS)
            self._process = None

    def _full_name(self, name: str) -> str:
        for info in self._call("getAllProcessInfo"):
            if info["name"] == name:
                return f"{info['group']}:{name}"
        raise StackError(f"There is no process {name!r} in this stack.")

    def _call(self, method: str, *arguments: object) -> Any:
        """
        Raises:
            StackError: nobody answers, or supervisord refuses.
        """
        transport = SupervisorTransport(None, None, f"unix://{self.home.supervisor_socket}")
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as error:
            raise StackError(f"supervisord: {error.faultString}") from error
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise StackError(f"The stack in {self.home.root} is not running.") from error
        finally:
            transport.close()
