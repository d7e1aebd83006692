"""The adapter over any OpenAI-compatible server, on the real one."""

from dataclasses import replace

import numpy as np
import pytest

from chassis.errors import Unavailable
from ingest.adapters.embedder_remote import RemoteEmbedder
from retrieval.embeddings import MeteredEmbeddings
from retrieval.models import get_model

MODEL = get_model("multilingual-e5-small")
TEXTS = ["서울은 대한민국의 수도이다.", "The handbook names the fee.", "가"]


async def test_vectors_counts_and_billed_tokens(embedder_url) -> None:
    async with MeteredEmbeddings(MODEL, base_url=embedder_url) as embeddings:
        embedder = RemoteEmbedder(embeddings)
        embedded = await embedder.embed(TEXTS)
        counts = await embedder.count_tokens(TEXTS)

    assert (embedded.vectors.shape, embedded.vectors.dtype) == ((3, 384), np.float32)
    assert np.allclose(np.linalg.norm(embedded.vectors, axis=1), 1, atol=1e-3)
    assert all(count > 2 for count in counts)
    assert embedded.tokens == sum(counts) + len(TEXTS) * MODEL.passage_prefix_tokens


async def test_a_server_that_is_down_is_unavailable() -> None:
    async with MeteredEmbeddings(MODEL, base_url="http://127.0.0.1:1/v1", retries=0) as embeddings:
        embedder = RemoteEmbedder(embeddings)
        for call in (embedder.embed, embedder.count_tokens):
            with pytest.raises(Unavailable) as failure:
                await call(TEXTS)
            assert failure.value.code == "embedding_unavailable"


async def test_a_refusal_may_pass_too(embedder_url) -> None:
    """A wrong model name is mended in the settings; until then the document waits."""
    wrong = replace(MODEL, name="no-such-model")
    async with MeteredEmbeddings(wrong, base_url=embedder_url) as embeddings:
        with pytest.raises(Unavailable) as failure:
            await RemoteEmbedder(embeddings).embed(TEXTS)
    assert failure.value.code == "embedding_unavailable"
