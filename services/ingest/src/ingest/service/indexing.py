"""The vector store's errors as this service's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.errors import Unavailable
from ingest.errors import INDEX_UNAVAILABLE
from retrieval.errors import StoreUnavailable


@asynccontextmanager
async def index_errors() -> AsyncIterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        raise Unavailable(INDEX_UNAVAILABLE) from error
