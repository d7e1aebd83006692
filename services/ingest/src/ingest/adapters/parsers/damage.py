"""A damaged file makes a library fail with whatever it trips over: each of that is one reason."""

from collections.abc import Iterator
from contextlib import contextmanager

from ingest.adapters.parsers.page import Refused

# XML_ERR_NO_MEMORY of libxml2's xmlerror.h.
_LIBXML2_NO_MEMORY = 2


@contextmanager
def damage_is_refused() -> Iterator[None]:
    """Raises Refused("file_damaged") for any error of a library; refusals and memory stay as they are."""
    try:
        yield
    except (Refused, MemoryError):
        raise
    except Exception as error:
        if _is_of_memory(error):
            raise MemoryError from error
        raise Refused("file_damaged") from error


def _is_of_memory(error: Exception) -> bool:
    """Too large a file is not a damaged one. lxml says so by libxml2's number, expat in words."""
    if type(error).__name__ == "XMLSyntaxError":
        return getattr(error, "code", None) == _LIBXML2_NO_MEMORY
    return "out of memory" in str(error).lower()
