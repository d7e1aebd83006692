"""Settings, from the environment alone."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from embedder.directory import default_directory


@dataclass(frozen=True, slots=True)
class Config:
    model_directory: Path
    threads: int
    """Texts embedded at once."""
    max_waiting_texts: int
    """Per lane; a request that does not fit is answered 503."""


def read_config(environment: Mapping[str, str] = os.environ) -> Config:
    directory = environment.get("EMBEDDER_MODEL_DIR")
    return Config(
        model_directory=Path(directory) if directory else default_directory(),
        threads=int(environment.get("EMBEDDER_THREADS") or _cores()),
        max_waiting_texts=int(environment.get("EMBEDDER_MAX_WAITING_TEXTS") or 4096),
    )


def _cores() -> int:
    """The cores this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
