"""Object storage through obstore: a local folder (`file:///…`) or S3 (`s3://bucket/prefix`), by URL alone.

An object is read in pieces, each a request of its own: no request lasts as long as a slow reader takes, and each is
tried again for itself. S3 is given the parts of a large object one by one; a put that is cancelled ends its stream by
an error, because that alone makes the storage forget the parts it has.
"""

import asyncio
import re
import shutil
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from chassis.errors import GrowFitError, Unavailable
from ingest.errors import STORAGE_UNAVAILABLE
from ingest.ports import Stored

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

# The least that S3 takes as a part; what is smaller is put at once.
PART_BYTES = 5 * 1024**2
# Parts of one object under way to S3 at a time: they are held in memory.
_PARTS_AT_ONCE = 2
_PIECE_BYTES = 1024**2
_LIST_BATCH = 1000

_CLIENT: "ClientConfig" = {"connect_timeout": "3s", "timeout": "30s"}
_RETRY: "RetryConfig" = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
}
# How obstore names a file of the local folder while it is being written.
_HALF = re.compile(r"#\d+$")


def open_store(url: str, s3: "S3Config | None" = None) -> ObjectStore:
    """`s3`: where and as whom; what it leaves out is taken from AWS's own environment variables and roles."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(prefix=unquote(parts.path), automatic_cleanup=True, mkdir=True)
    if parts.scheme == "s3":
        is_plain = str((s3 or {}).get("endpoint", "")).startswith("http://")
        client: ClientConfig = {**_CLIENT, "allow_http": is_plain}
        return from_url(url, config=s3 or {}, client_options=client, retry_config=_RETRY)
    return from_url(url)


class ObstoreStorage:
    def __init__(self, url: str, s3: "S3Config | None" = None) -> None:
        self._store = open_store(url, s3)
        # Half objects of a local folder are files beside the whole ones, which obstore does not list.
        self._folder = Path(unquote(urlsplit(url).path)) if url.startswith("file:") else None
        self._part_bytes = PART_BYTES if self._folder is None else _PIECE_BYTES

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        head = await _head_of(chunks, self._part_bytes)
        try:
            with _errors(key):
                if sum(map(len, head)) < self._part_bytes:
                    await obstore.put_async(self._store, key, b"".join(head), use_multipart=False)
                else:
                    await self._put_in_parts(key, head, chunks)
        except FileNotFoundError as error:
            # Of a put it is the bucket or the folder that is not there.
            raise Unavailable(STORAGE_UNAVAILABLE) from error

    async def _put_in_parts(self, key: str, head: deque[bytes], chunks: AsyncIterator[bytes]) -> None:
        stop = asyncio.Event()
        storing = asyncio.create_task(self._multipart(key, _until(stop, head, chunks)))
        try:
            await asyncio.shield(storing)
        except asyncio.CancelledError:
            stop.set()
            with suppress(Exception):
                await storing
            raise

    async def _multipart(self, key: str, pieces: AsyncIterator[bytes]) -> None:
        await obstore.put_async(
            self._store, key, pieces, use_multipart=True, chunk_size=self._part_bytes, max_concurrency=_PARTS_AT_ONCE
        )

    @asynccontextmanager
    async def fetch(self, key: str) -> AsyncIterator[Path]:
        with tempfile.TemporaryDirectory(prefix="growfit-ingest-") as folder:
            path = Path(folder) / "original"
            with path.open("wb") as file:
                async for piece in self._pieces(key, 0, None, PART_BYTES):
                    file.write(piece)
            yield path

    def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        return self._pieces(key, start, end, _PIECE_BYTES)

    async def _pieces(self, key: str, start: int, end: int | None, at_once: int) -> AsyncIterator[bytes]:
        end = await self.size(key) if end is None else end
        for at in range(start, end, at_once):
            with _errors(key):
                piece = await obstore.get_range_async(self._store, key, start=at, end=min(at + at_once, end))
            yield bytes(piece)

    async def size(self, key: str) -> int:
        with _errors(key):
            return (await obstore.head_async(self._store, key))["size"]

    async def delete(self, key: str) -> int:
        try:
            # S3 does not say whether there was anything.
            await self.size(key)
            with _errors(key):
                await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return 0
        return 1

    async def purge(self, key: str) -> int:
        deleted = await self.delete(key)
        async for each in self.list(key):
            deleted += await self.delete(each.key)
        if self._folder is not None:
            await asyncio.to_thread(_remove_halves, self._folder / key)
        return deleted

    async def list(self, prefix: str) -> AsyncIterator[Stored]:
        batches = obstore.list(self._store, prefix, chunk_size=_LIST_BATCH)
        while True:
            with _errors(prefix):
                batch = await anext(batches, None)
            if batch is None:
                return
            for each in batch:
                yield Stored(each["path"], each["size"], each["last_modified"])


async def _head_of(chunks: AsyncIterator[bytes], part_bytes: int) -> deque[bytes]:
    """The stream's beginning: all of it, or as much as a part must have."""
    held, size = deque[bytes](), 0
    while size < part_bytes and (piece := await anext(chunks, None)) is not None:
        held.append(piece)
        size += len(piece)
    return held


async def _until(stop: asyncio.Event, head: deque[bytes], chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The stream with its head again; it breaks off when `stop` is set, also while the next piece is waited for."""
    while head:
        yield head.popleft()
    stopping = asyncio.create_task(stop.wait())
    try:
        while True:
            coming = asyncio.create_task(_next(chunks))
            await asyncio.wait({coming, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                coming.cancel()
                await asyncio.wait({coming})
                raise InterruptedError
            piece = coming.result()
            if piece is None:
                return
            yield piece
    finally:
        stopping.cancel()


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)


@contextmanager
def _errors(key: str) -> Iterator[None]:
    """What obstore raises, as the port has it."""
    try:
        yield
    except GrowFitError:
        raise
    except (NotFoundError, FileNotFoundError) as error:
        raise FileNotFoundError(key) from error
    except (BaseError, OSError) as error:
        raise Unavailable(STORAGE_UNAVAILABLE, headers={"Retry-After": "5"}) from error


def _remove_halves(path: Path) -> None:
    """Of an object and of all below it: nobody writes to either any more."""
    for each in path.parent.glob(f"{path.name}#*"):
        if _HALF.search(each.name):
            each.unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)
    # The folder of one document goes with it; one that holds more than this stays.
    with suppress(OSError):
        path.parent.rmdir()
