"""Search without any service: embedding model, Kiwi and the vector store in one process, on the same database.

`python bench/in_process.py DATABASE_URL SCOPES`; request {"question": …}, answer {"ms": …, "hits": [chunk ids]}.
It runs `retrieval`'s own search, so that what it leaves out is HTTP, authentication, permission and booking alone.
"""

import asyncio
import json
import sys
import time
from typing import Any, cast

from apart import answer_requests

from embedder.config import read_config
from embedder.model import Model
from retrieval.embeddings import Embedded, Kind, MeteredEmbeddings
from retrieval.models import EmbeddingModel, get_model
from retrieval.pgvector import PgVectorAdapter
from retrieval.retriever import search
from retrieval.terms import KiwiTerms

TOP_K = 5


class OwnEmbeddings:
    """What `search` needs of MeteredEmbeddings: the model's call instead of the server's."""

    def __init__(self, model: EmbeddingModel) -> None:
        self._prefix = model.query_prefix
        self._model = Model(read_config().model_directory)

    async def embed(self, texts: list[str], _: Kind) -> Embedded:
        found = await asyncio.to_thread(self._model.embed, self._prefix + texts[0])
        return Embedded(found.vector[None, :], found.tokens)


def main(url: str, scopes: list[str]) -> None:
    model = get_model("multilingual-e5-small")
    embeddings = cast("MeteredEmbeddings", OwnEmbeddings(model))
    with asyncio.Runner() as runner:
        store = PgVectorAdapter(url, model=model, analyser=KiwiTerms())
        runner.run(store.open())

        async def timed(question: str) -> dict[str, Any]:
            began = time.perf_counter()
            found = await search(
                question, embeddings=embeddings, store=store, filters={"scopes": {"any": scopes}}, top_k=TOP_K
            )
            return {"ms": (time.perf_counter() - began) * 1000, "hits": [hit.id for hit in found.hits]}

        answer_requests(lambda question: runner.run(timed(question)))
        runner.run(store.close())


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
