"""Object storage through obstore: a local folder (`file:///…`) or any S3-compatible service, by URL alone."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from chassis.errors import GrowFitError, Unavailable
from ingest.errors import STORAGE_UNAVAILABLE

_PART_BYTES = 5 * 1024**2


def open_store(url: str) -> ObjectStore:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(prefix=parts.path, automatic_cleanup=True, mkdir=True)
    return from_url(url)


class ObstoreStorage:
    def __init__(self, url: str) -> None:
        self._store = open_store(url)

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        try:
            # A stream that ends by an exception aborts the multipart upload: no half object stays.
            await obstore.put_async(self._store, key, chunks, use_multipart=True, chunk_size=_PART_BYTES)
        except GrowFitError:
            raise
        except (BaseError, OSError) as error:
            raise Unavailable(STORAGE_UNAVAILABLE) from error

    @asynccontextmanager
    async def fetch(self, key: str) -> AsyncIterator[Path]:
        with tempfile.TemporaryDirectory(prefix="growfit-ingest-") as folder:
            path = Path(folder) / "original"
            try:
                answer = await obstore.get_async(self._store, key)
                with path.open("wb") as file:
                    async for part in answer.stream(min_chunk_size=_PART_BYTES):
                        file.write(memoryview(part))
            except (NotFoundError, FileNotFoundError) as error:
                raise FileNotFoundError(key) from error
            except BaseError as error:
                raise Unavailable(STORAGE_UNAVAILABLE) from error
            yield path

    async def delete(self, key: str) -> int:
        try:
            await obstore.head_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return 0
        except BaseError as error:
            raise Unavailable(STORAGE_UNAVAILABLE) from error
        try:
            await obstore.delete_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return 0
        except BaseError as error:
            raise Unavailable(STORAGE_UNAVAILABLE) from error
        return 1
