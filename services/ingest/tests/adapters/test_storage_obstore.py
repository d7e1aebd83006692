"""Objects are stored whole or not at all."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.errors import TooLarge, Unavailable
from ingest.adapters.storage_obstore import ObstoreStorage
from ingest.config import MIB
from ingest.errors import DOCUMENT_TOO_LARGE

KEY = "documents/one/original"


@pytest.fixture
def storage(tmp_path: Path) -> ObstoreStorage:
    return ObstoreStorage(tmp_path.as_uri())


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("pieces", [[b"x"], [b"abc", b"", b"def"], [b"y" * MIB] * 11], ids=["byte", "few", "parts"])
async def test_what_was_put_is_fetched(storage, pieces) -> None:
    await storage.put(KEY, stream(*pieces))

    async with storage.fetch(KEY) as path:
        assert path.read_bytes() == b"".join(pieces)
    assert not path.exists()


async def test_a_delete_counts_and_a_second_one_finds_nothing(storage, tmp_path) -> None:
    await storage.put(KEY, stream(b"content"))

    assert (await storage.delete(KEY), await storage.delete(KEY)) == (1, 0)
    assert files(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        async with storage.fetch(KEY):
            pass


async def test_a_stream_that_fails_leaves_nothing_and_keeps_its_error(storage, tmp_path) -> None:
    async def too_much() -> AsyncIterator[bytes]:
        yield b"x" * 6 * MIB
        assert len(files(tmp_path)) == 1
        raise TooLarge(DOCUMENT_TOO_LARGE, limit_mib=1)

    with pytest.raises(TooLarge):
        await storage.put(KEY, too_much())

    assert files(tmp_path) == []


async def test_a_cancelled_put_leaves_nothing(storage, tmp_path) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * 6 * MIB
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(storage.put(KEY, endless()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(100):
        if not files(tmp_path):
            break
        await asyncio.sleep(0.02)

    assert files(tmp_path) == []


async def test_a_storage_that_is_away_is_unavailable(tmp_path) -> None:
    folder = tmp_path / "gone"
    storage = ObstoreStorage(folder.as_uri())
    folder.rmdir()
    folder.write_text("a file where the folder was")

    with pytest.raises(Unavailable):
        await storage.put(KEY, stream(b"content"))
    with pytest.raises(Unavailable):
        await storage.delete(KEY)
    with pytest.raises(Unavailable):
        async with storage.fetch(KEY):
            pass
