"""The one Kiwi analyser of a process: its model takes 315 MB and a second to load."""

import functools
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from kiwipiepy import Kiwi  # type: ignore[attr-defined]

# Kiwi's work for one call is kept small, so that a query never waits long behind a batch of passages.
_BATCH = 16

_loading = threading.Lock()
_working = threading.Lock()


class Token(Protocol):
    """`start` and `len` count code points; `tag` is Kiwi's part of speech, `id` the morpheme in its dictionary."""

    id: int
    form: str
    tag: str
    start: int
    len: int


def tokens(texts: Sequence[str]) -> Iterator[list[list[Token]]]:
    """Per text: its sentences, each a list of tokens with offsets into that text.

    Safe from any thread. The list form is used for a single text too: given a plain string, Kiwi holds the GIL
    for the whole analysis (20 ms gaps in the event loop), given a list it works in its own thread.
    """
    kiwi = _kiwi()
    for start in range(0, len(texts), _BATCH):
        with _working:
            batch: Any = kiwi.tokenize(texts[start : start + _BATCH], split_sents=True)
            analysed: list[list[list[Token]]] = list(batch)
        yield from analysed


def load() -> None:
    """Loads the model now (a second), so that the first question does not pay for it."""
    _kiwi()


def _kiwi() -> Kiwi:
    with _loading:
        return _load()


@functools.cache
def _load() -> Kiwi:
    # Without the multi-word and typo dictionaries Kiwi takes 315 MB instead of 512.
    return Kiwi(num_workers=1, load_multi_dict=False, load_typo_dict=False)
