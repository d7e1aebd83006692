"""What the graph must keep to, so that a text has the same vector on every CPU."""

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from embedder.directory import MODEL_FILE


def test_two_products_never_overflow_sixteen_bits(model_directory) -> None:
    """Without VNNI the CPU adds two products of an unsigned input and a level in 16 bits, and cuts what goes beyond."""
    graph = onnx.load(str(model_directory / MODEL_FILE)).graph
    levels = [
        numpy_helper.to_array(each)
        for each in graph.initializer
        if each.data_type == TensorProto.INT8 and each.name.endswith(".matrix")
    ]
    assert len(levels) == 4 * 12
    for matrix in levels:
        assert 2 * 255 * int(np.abs(matrix.astype(np.int32)).max()) < 2**15
        # All of the levels are used, so no accuracy is given away.
        assert int(np.abs(matrix.astype(np.int32)).max()) == 63
