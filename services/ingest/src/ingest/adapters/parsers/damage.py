"""A damaged file makes a library fail with whatever it trips over: each of that is one reason."""

from collections.abc import Iterator
from contextlib import contextmanager

from ingest.adapters.parsers.page import Refused


@contextmanager
def damage_is_refused() -> Iterator[None]:
    """Raises Refused("file_damaged") for any error of a library; refusals and memory stay as they are."""
    try:
        yield
    except (Refused, MemoryError):
        raise
    except Exception as error:
        # libxml2 and expat have errors of their own for it; too large a file is not a damaged one.
        if "memory" in str(error).lower():
            raise MemoryError from error
        raise Refused("file_damaged") from error
