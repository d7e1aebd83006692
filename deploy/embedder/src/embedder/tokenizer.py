"""Text to token ids, as the model was trained to see it."""

import json
import re
from pathlib import Path

from sentencepiece import SentencePieceProcessor

from embedder.directory import NORMALIZER_FILE, PIECES_FILE

MAX_TOKENS = 512
"""What the model can see of one text, the two special tokens included."""

_SPECIAL_TOKENS = 2
_MAX_CHARACTERS = 65_536
"""512 tokens are some 900 Korean characters; a book sent as one text need not be tokenised to its end."""

_SPACES = re.compile(" {2,}")
_NUL = 0
_SURROGATES = range(0xD800, 0xE000)


class Tokenizer:
    """Safe to use from many threads."""

    def __init__(self, directory: Path) -> None:
        stored = json.loads((directory / NORMALIZER_FILE).read_bytes())
        self._normalizer: dict[int, str] = {int(code_point): text for code_point, text in stored.items()}
        # A NUL is a separator that extraction left behind: engines that see C strings lose the text after it.
        self._normalizer[_NUL] = " "
        # Half of a pair comes through JSON, and is not Unicode: SentencePiece refuses it.
        self._normalizer |= dict.fromkeys(_SURROGATES, "\ufffd")
        self._pieces = SentencePieceProcessor(model_file=str(directory / PIECES_FILE))
        self._begin: int = self._pieces.bos_id()
        self._end: int = self._pieces.eos_id()

    def ids(self, text: str) -> list[int]:
        """At most MAX_TOKENS, begin and end token included; what is longer is cut at its end."""
        pieces = self._pieces.encode(self._normalized(text[:_MAX_CHARACTERS]))
        return [self._begin, *pieces[: MAX_TOKENS - _SPECIAL_TOKENS], self._end]

    def counts(self, texts: list[str]) -> list[int]:
        """Begin and end token included. Nothing is cut: a count over MAX_TOKENS says that `ids` would cut the text."""
        pieces = self._pieces.encode([self._normalized(text) for text in texts], num_threads=1)
        return [len(each) + _SPECIAL_TOKENS for each in pieces]

    def _normalized(self, text: str) -> str:
        # SentencePiece marks the first word itself; a leading space would be marked twice.
        return _SPACES.sub(" ", text.translate(self._normalizer)).removeprefix(" ")
