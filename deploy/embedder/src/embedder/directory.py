"""The model directory: where it is and what its files are called."""

import sys
from pathlib import Path

MODEL_NAME = "multilingual-e5-small"

MODEL_FILE = "model.onnx"
TENSORS_FILE = "model.onnx.data"
"""Beside the graph and not in it, so that onnxruntime maps it: pages are read when first used, and can be dropped."""
PIECES_FILE = "tokenizer.model"
NORMALIZER_FILE = "normalizer.json"
MANIFEST_FILE = "manifest.json"


def default_directory() -> Path:
    """Inside the virtual environment: made once, used by every stack and test that runs from it."""
    return Path(sys.prefix) / "share" / "growfit" / MODEL_NAME
