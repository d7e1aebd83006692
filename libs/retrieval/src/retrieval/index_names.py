"""The name of an index, the same in every backend."""

import hashlib
import re

from retrieval.models import EmbeddingModel

_MAX_NAME = 48


def make_name(*, collection: str, model: EmbeddingModel) -> str:
    """Lower-case letters, digits and underscores; what is too long for PostgreSQL ends in a digest."""
    plain = re.sub(r"[^a-z0-9]+", "_", f"{collection}_{model.name}_{model.dimension}".lower()).strip("_")
    if len(plain) > _MAX_NAME:
        digest = hashlib.blake2b(plain.encode(), digest_size=4).hexdigest()
        plain = f"{plain[: _MAX_NAME - 9]}_{digest}"
    return plain
