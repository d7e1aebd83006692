"""One suite for the local folder and for S3: objects are stored whole or not at all."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from chassis.errors import TooLarge, Unavailable
from ingest.adapters.storage_obstore import PART_BYTES, ObstoreStorage
from ingest.config import MIB
from ingest.errors import DOCUMENT_TOO_LARGE

KEY = "documents/one/original"
ACCESS = {"access_key_id": "key", "secret_access_key": "secret", "region": "us-east-1"}
KINDS = ("folder", "s3")


class Folder:
    """What lies there, past the storage: also what it does not list."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.storage = ObstoreStorage(path.as_uri())

    def whole(self) -> dict[str, int]:
        return {name: size for name, size in self._files() if "#" not in name}

    def halves(self) -> list[str]:
        return [name for name, _ in self._files() if "#" in name]

    def _files(self) -> list[tuple[str, int]]:
        found = [path for path in self.path.rglob("*") if path.is_file()]
        return [(str(path.relative_to(self.path)), path.stat().st_size) for path in found]


class Bucket:
    def __init__(self, url: str) -> None:
        self.name = f"growfit-{uuid4().hex[:12]}"
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        self._client: Any = boto3.client("s3", endpoint_url=url, **keys)
        self._client.create_bucket(Bucket=self.name)
        self.storage = ObstoreStorage(
            f"s3://{self.name}/in a/prefix", {"endpoint": url, "virtual_hosted_style_request": False, **ACCESS}
        )

    def whole(self) -> dict[str, int]:
        listed = self._client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {each["Key"].removeprefix("in a/prefix/"): each["Size"] for each in listed}

    def halves(self) -> list[str]:
        return [each["Key"] for each in self._client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]


@pytest.fixture(params=KINDS)
def place(request, tmp_path: Path) -> Folder | Bucket:
    return Folder(tmp_path) if request.param == "folder" else Bucket(request.getfixturevalue("s3_url"))


@pytest.fixture
def storage(place) -> ObstoreStorage:
    return place.storage


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def read(storage: ObstoreStorage, key: str = KEY, **span: int) -> bytes:
    return b"".join([piece async for piece in storage.read(key, **span)])


async def until(holds) -> None:
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.02)
    assert holds()


PIECES = [[], [b"x"], [b"abc", b"", b"def"], [b"y" * MIB] * 11, [b"z" * PART_BYTES], [b"w" * (PART_BYTES + 1)]]


@pytest.mark.parametrize("pieces", PIECES, ids=["nothing", "byte", "few", "parts", "one part", "a part and a byte"])
async def test_what_was_put_is_fetched_and_read(storage, place, pieces) -> None:
    whole = b"".join(pieces)
    await storage.put(KEY, stream(*pieces))

    async with storage.fetch(KEY) as path:
        assert path.read_bytes() == whole
    assert not path.exists()
    assert await read(storage) == whole
    assert (await storage.size(KEY), place.whole(), place.halves()) == (len(whole), {KEY: len(whole)}, [])


async def test_a_put_takes_the_place_of_what_was_there(storage) -> None:
    for content in (b"first, and longer", b"second"):
        await storage.put(KEY, stream(content))

    assert await read(storage) == b"second"


SPANS = [(0, 1), (0, 4000), (1, 2), (3999, 4000), (1024 - 1, 3 * 1024 + 1), (5, 5)]


@pytest.mark.parametrize(("start", "end"), SPANS)
async def test_a_range_is_read_exactly_and_in_pieces(storage, start, end) -> None:
    whole = b"".join(number.to_bytes(1024, "big") for number in range(4 * 1024))
    await storage.put(KEY, stream(whole))
    pieces = [piece async for piece in storage.read(KEY, start=start * 1024, end=end * 1024)]

    assert b"".join(pieces) == whole[start * 1024 : end * 1024]
    assert all(len(piece) <= MIB for piece in pieces)


async def test_a_delete_counts_and_a_second_one_finds_nothing(storage, place) -> None:
    await storage.put(KEY, stream(b"content"))

    assert (await storage.delete(KEY), await storage.delete(KEY), place.whole()) == (1, 0, {})


async def test_what_is_not_there(storage) -> None:
    with pytest.raises(FileNotFoundError):
        async with storage.fetch(KEY):
            pass
    with pytest.raises(FileNotFoundError):
        await storage.size(KEY)
    with pytest.raises(FileNotFoundError):
        await read(storage)
    with pytest.raises(FileNotFoundError):
        await read(storage, start=0, end=1)
    assert (await storage.delete(KEY), await storage.purge(KEY)) == (0, 0)
    assert [each async for each in storage.list("documents")] == []


async def test_the_objects_below_a_prefix_are_listed_and_purged(storage, place) -> None:
    keys = ["uploads/a/1", "uploads/a/2", "uploads/ab/1", "documents/a/original"]
    for number, key in enumerate(keys):
        await storage.put(key, stream(b"x" * (number + 1)))
    listed = {each.key: each async for each in storage.list("uploads/a")}

    assert {key: each.size_bytes for key, each in listed.items()} == {"uploads/a/1": 1, "uploads/a/2": 2}
    assert all(abs(datetime.now(UTC) - each.modified_at) < timedelta(minutes=1) for each in listed.values())
    assert {each.key async for each in storage.list("uploads")} == set(keys[:3])
    assert (await storage.purge("uploads/a"), await storage.purge("uploads/a")) == (2, 0)
    assert set(place.whole()) == set(keys[2:])
    assert await storage.purge("documents/a/original") == 1
    assert set(place.whole()) == {"uploads/ab/1"}


@pytest.mark.parametrize("size", [100, 6 * MIB], ids=["small", "in parts"])
async def test_a_stream_that_fails_leaves_nothing_and_keeps_its_error(storage, place, size) -> None:
    async def too_much() -> AsyncIterator[bytes]:
        yield b"x" * size
        yield b"x" * size
        raise TooLarge(DOCUMENT_TOO_LARGE, limit_mib=1)

    with pytest.raises(TooLarge):
        await storage.put(KEY, too_much())

    assert (place.whole(), place.halves()) == ({}, [])


async def test_a_cancelled_put_leaves_nothing(storage, place) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * 6 * MIB
        yield b"x" * 6 * MIB
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(storage.put(KEY, endless()))
    await begun.wait()
    await until(place.halves)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await until(lambda: (place.whole(), place.halves()) == ({}, []))


async def test_nobody_sees_an_object_before_it_is_whole(storage, place) -> None:
    go_on = asyncio.Event()

    async def halting() -> AsyncIterator[bytes]:
        yield b"x" * 6 * MIB
        yield b"x" * 6 * MIB
        await go_on.wait()

    task = asyncio.create_task(storage.put(KEY, halting()))
    await until(place.halves)
    assert (place.whole(), [each async for each in storage.list("documents")], await storage.delete(KEY)) == ({}, [], 0)
    go_on.set()
    await task

    assert (place.whole(), place.halves()) == ({KEY: 12 * MIB}, [])


async def test_many_at_once(storage) -> None:
    contents = {f"documents/{number}/original": bytes([number]) * (MIB + number) for number in range(12)}
    await asyncio.gather(*(storage.put(key, stream(content)) for key, content in contents.items()))

    assert await asyncio.gather(*(read(storage, key) for key in contents)) == list(contents.values())


async def test_a_purge_takes_what_a_killed_put_left_in_the_folder(tmp_path) -> None:
    """S3 lists such parts to nobody but its own lifecycle rule."""
    storage = ObstoreStorage(tmp_path.as_uri())
    for name in ("documents/one/original#1", "documents/two/original#1", "uploads/one/0#1"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"half")

    await storage.purge(KEY)
    await storage.purge("uploads/one")

    left = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert left == ["documents/two/original#1"]
    assert not (tmp_path / "documents" / "one").exists()


def away(kind: str, folder: Path) -> ObstoreStorage:
    if kind == "folder":
        storage = ObstoreStorage(folder.as_uri())
        folder.rmdir()
        folder.write_text("a file where the folder was")
        return storage
    return ObstoreStorage("s3://nowhere", {"endpoint": "http://127.0.0.1:1", **ACCESS})


@pytest.mark.parametrize("kind", [*KINDS, "no bucket"])
async def test_a_storage_that_is_away_is_unavailable(kind, tmp_path, s3_url) -> None:
    config = {"endpoint": s3_url, "virtual_hosted_style_request": False, **ACCESS}
    storage = ObstoreStorage("s3://no-such-bucket", config) if kind == "no bucket" else away(kind, tmp_path / "gone")
    steps = [
        lambda: storage.put(KEY, stream(b"content")),
        lambda: storage.put(KEY, stream(b"x" * 6 * MIB)),
        *([] if kind == "no bucket" else [lambda: storage.delete(KEY), lambda: read(storage)]),
    ]
    for step in steps:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(step(), 60)
    with pytest.raises((Unavailable, FileNotFoundError)):
        async with storage.fetch(KEY):
            pass


async def test_a_stream_that_ends_while_the_storage_fails_is_let_go(tmp_path) -> None:
    """The request's body is not read on when nothing can be stored of it."""
    folder = tmp_path / "gone"
    storage = ObstoreStorage(folder.as_uri())
    folder.rmdir()
    folder.write_text("a file where the folder was")
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield b"x" * MIB

    with pytest.raises(Unavailable):
        await asyncio.wait_for(storage.put(KEY, endless()), 20)
    assert asked < 40
