"""The whole stack on this machine, for the command line, for tests and for the bench."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from growfit_local import bootstrap, layout, observed, postgres, processes
from growfit_local.errors import StackError, StartFailed
from growfit_local.home import Home
from growfit_local.layout import Layout
from growfit_local.ports import LOOPBACK
from growfit_local.processes import SERVICES, Process
from growfit_local.readiness import assert_durable_nats, is_ready
from growfit_local.supervision import SUPERVISOR, ProcessState, Supervision

_READY_SECONDS = 90
_STARTS_BEFORE_FAILURE = 3
_PAUSE = 0.15

OnReady = Callable[[str], None]


class Stack:
    """Started by one object, reachable by any other one on the same data directory.

    `only` names the processes to run, for tests that need a single server; else the settings say which. Unless
    detached, the stack ends when the process that started it ends, however that happens.
    """

    def __init__(
        self,
        home: Path | str | None = None,
        *,
        port: int = 0,
        host: str = LOOPBACK,
        settings: Mapping[str, str] | None = None,
        only: Iterable[str] | None = None,
    ) -> None:
        self.home = Home.at(home)
        self._port, self._host, self._settings = port, host, settings or {}
        self._chosen = None if only is None else tuple(only)
        self._supervision = Supervision(self.home)
        self._layout: Layout | None = None

    @property
    def layout(self) -> Layout:
        if self._layout is None:
            self._layout = layout.remembered(self.home)
        return self._layout

    @property
    def _only(self) -> tuple[str, ...]:
        return processes.wanted(self.layout) if self._chosen is None else self._chosen

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self.layout.gateway_url

    def is_up(self) -> bool:
        return self._supervision.is_up()

    def start(self, *, detach: bool = False, on_ready: OnReady = lambda _: None) -> None:
        """Return when every process is ready; if one fails, nothing is left running.

        Raises:
            PortTaken: the gateway's port is in use.
            StartFailed: a process or a step failed; the message ends with its log.
            StackError: the stack is up already, or this machine lacks something.
        """
        self.home.create()
        with self.home.starting():
            if self.is_up():
                raise StackError(f"The stack in {self.home.root} is up already.")
            self._layout = layout.resolve(self.home, port=self._port, host=self._host, settings=self._settings)
            try:
                self._bring_up(detach=detach, on_ready=on_ready)
            except BaseException:
                self.stop()
                raise

    def _bring_up(self, *, detach: bool, on_ready: OnReady) -> None:
        chosen = [processes.named(name) for name in self._only]
        postgres_first = "postgres" in self._only
        if postgres_first:
            postgres.initialise(self.layout)
        self._supervision.configure(self.layout, chosen)
        self._supervision.start(detach=detach)
        services = [name for name in self._only if name in SERVICES]
        others = [name for name in self._only if name not in SERVICES]
        self._supervision.start_processes(others)
        self._prepare(on_ready, services=bool(services))
        self._supervision.start_processes(services)
        self.wait_ready(*(name for name in self._only if name not in ("postgres", "nats")), on_ready=on_ready)

    def _prepare(self, on_ready: OnReady, *, services: bool) -> None:
        servers = [name for name in ("postgres", "nats") if name in self._only]
        self.wait_ready(*servers, on_ready=on_ready)
        if "nats" in servers:
            assert_durable_nats(self.layout)
        if "postgres" in servers:
            bootstrap.database(self.layout)
        if services:
            bootstrap.tables_and_streams(self.layout)

    def stop(self) -> None:
        """Stop every process in reverse order and wait for the end; nothing happens when nothing is up."""
        self._supervision.shutdown()

    def wait_ready(self, *names: str, timeout: float = _READY_SECONDS, on_ready: OnReady = lambda _: None) -> None:
        """Wait until the named processes say that they are ready.

        Raises:
            StartFailed: one of them keeps dying, or time is up.
        """
        waiting: dict[str, Process] = {name: processes.named(name) for name in names}
        reasons: dict[str, str] = {}
        starts: dict[str, set[float]] = {name: set() for name in names}
        deadline = time.monotonic() + timeout
        while waiting:
            self._count_starts(waiting, starts)
            for name in list(waiting):
                ready, reasons[name] = is_ready(waiting[name], self.layout)
                if ready:
                    del waiting[name]
                    on_ready(name)
            if waiting and time.monotonic() > deadline:
                name = next(iter(waiting))
                raise StartFailed(name, f"not ready after {timeout:.0f} s: {reasons[name]}", self.home.log(name))
            time.sleep(_PAUSE if waiting else 0)

    def _count_starts(self, waiting: Iterable[str], starts: dict[str, set[float]]) -> None:
        states = self.states()
        for name in waiting:
            starts[name].add(states[name].started_at)
            if len(starts[name]) > _STARTS_BEFORE_FAILURE:
                raise StartFailed(name, "it ends right after each start", self.home.log(name))

    def states(self) -> dict[str, ProcessState]:
        return self._supervision.states()

    def pid(self, name: str) -> int:
        """0 when the process does not run at this moment."""
        processes.named(name)
        return self.states()[name].pid

    def kill(self, name: str, sig: signal.Signals = signal.SIGKILL) -> int:
        """Signal one process and return the pid that it had; supervisord starts it again."""
        pid = self.pid(name)
        if not pid:
            raise StackError(f"{name} does not run, so it cannot be killed.")
        os.kill(pid, sig)
        if sig == signal.SIGKILL:
            observed.wait_dead(pid)
        return pid

    def pause(self, name: str) -> None:
        """Stop one process in good order; it stays down until `resume`."""
        self._supervision.stop_process(name)

    def resume(self, name: str) -> None:
        self._supervision.start_processes([name])
        self.wait_ready(name)

    def env(self, name: str) -> dict[str, str]:
        return processes.named(name).environment(self.layout)

    def memory(self) -> dict[str, float]:
        """MB per process with its children, shared pages counted once, supervisord's own included."""
        pids = {name: state.pid for name, state in self.states().items() if state.pid}
        used = {name: observed.megabytes(pid) for name, pid in pids.items()}
        own = observed.megabytes(self._supervision.pid)
        return used | {SUPERVISOR: max(own - sum(used.values()), 0.0)}
