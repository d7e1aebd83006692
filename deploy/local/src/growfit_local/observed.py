"""Processes seen from the outside: their memory, shared pages counted once (PSS), and whether they still live."""

import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]

_MEGABYTE = 1024 * 1024
_PAUSE = 0.005


def megabytes(pid: int) -> float:
    """MB of `pid` and all its descendants; 0 when it is gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0.0
    return sum(_bytes(member) for member in family) / _MEGABYTE


def wait_dead(pid: int) -> None:
    """Return when nothing of the process runs any more, whether its parent has noticed or not."""
    try:
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(_PAUSE)
    except psutil.NoSuchProcess:
        return


def _bytes(process: psutil.Process) -> int:
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ProcessLookupError):
        pass
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
