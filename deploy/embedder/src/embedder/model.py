"""The model itself: one text in, one vector out."""

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions  # type: ignore[attr-defined]

from embedder.directory import MODEL_FILE
from embedder.tokenizer import Tokenizer

DIMENSIONS = 384


@dataclass(frozen=True, slots=True)
class Embedding:
    """`vector` float32 [384] of unit norm; `tokens` as the model saw them, special tokens included."""

    vector: NDArray[np.float32]
    tokens: int


class Model:
    """One session for all threads. A run uses the thread that asked and lets go of the interpreter meanwhile."""

    def __init__(self, directory: Path) -> None:
        self._tokenizer = Tokenizer(directory)
        self._session = _session(directory / MODEL_FILE)
        _give_back_freed_memory()

    def embed(self, text: str) -> Embedding:
        """The text carries its own prefix (`query: ` or `passage: `)."""
        ids = self._tokenizer.ids(text)
        (vectors,) = self._session.run(["embedding"], {"input_ids": np.array([ids], np.int64)})
        return Embedding(vector=np.asarray(vectors)[0], tokens=len(ids))

    def counts(self, texts: list[str]) -> list[int]:
        """Tokens of each text, special tokens included, uncut."""
        return self._tokenizer.counts(texts)


def _session(path: Path) -> InferenceSession:
    options = SessionOptions()
    # Threads come from the lanes, one text each; threads inside a run would fight over the same cores.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _give_back_freed_memory() -> None:
    """Loading leaves some 20 MB of freed heap, which glibc would keep for ever."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
