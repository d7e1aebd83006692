"""The collection of one index (name, model, dimension), the alias in front of it and its payload indexes."""

import json
from dataclasses import dataclass
from typing import Any

from qdrant_client import models
from qdrant_client.http.exceptions import UnexpectedResponse

from retrieval.errors import IndexMismatch, IndexMissing
from retrieval.index_names import make_name
from retrieval.models import EmbeddingModel
from retrieval.qdrant_connection import Client

DENSE = "dense"
WORDS = "words"

# Fields of a point besides those of a chunk (retrieval.filters.FIELDS, headings and the text).
LIVE = "live"  # 1 when a search may see it
GENERATION = "generation"  # counts the times that the document was replaced: of two that are seen, the later holds
SIZE = "size"  # the number of chunks in the document's generation
TERMS = "terms"  # the ids of the chunk's words, to be counted
DELETED_AT = "deleted_at"  # of tombstones alone: seconds since 1970

_CONFLICT = 409

# HNSW has links of its own for each value of a field that many points share. Searches filter by scope; of the words,
# which are counted and no more, it would keep thousands, for five times as long.
_NUMBER = models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=True, enable_hnsw=False)
_LOOKUP = models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=False, enable_hnsw=False)
_KEYWORD = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, enable_hnsw=False)
_TENANT = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)

PAYLOAD_INDEXES: dict[str, models.KeywordIndexParams | models.IntegerIndexParams] = {
    "scopes": _TENANT,
    "doc_id": _KEYWORD,
    "title": _KEYWORD,
    **dict.fromkeys(("version", "ordinal", "page_from", "page_to", "char_start", "char_end"), _NUMBER),
    LIVE: _LOOKUP,
    TERMS: _LOOKUP,
    GENERATION: _NUMBER,
    DELETED_AT: _NUMBER,
}


@dataclass(frozen=True, slots=True)
class Index:
    """`alias` is what is written to and searched; which collection stands behind it is Qdrant's to know."""

    alias: str
    model: EmbeddingModel
    analyser: str
    quantised: bool

    @property
    def collection(self) -> str:
        return f"{self.alias}-1"

    @property
    def description(self) -> dict[str, Any]:
        """Kept with the collection: what would silently give wrong results if it differed."""
        return {"model": self.model.name, "dimension": self.model.dimension, "analyser": self.analyser, "layout": 1}


def make_index(*, collection: str, model: EmbeddingModel, analyser: str, quantised: bool) -> Index:
    return Index(make_name(collection=collection, model=model), model, analyser, quantised)


async def check(client: Client, index: Index) -> None:
    """Raises IndexMissing or IndexMismatch."""
    try:
        found = await client.get_collection(index.alias)
    except UnexpectedResponse as error:
        if error.status_code == 404:  # noqa: PLR2004
            raise IndexMissing(f"the writer has not made the index {index.alias} yet") from error
        raise
    if found.config.metadata != index.description:
        held = json.dumps(found.config.metadata)
        raise IndexMismatch(f"{index.alias} holds {held}, not {json.dumps(index.description)}")


async def ensure(client: Client, index: Index) -> None:
    """The alias comes last, so an index that was half made is not found, and is made to the end by whoever comes
    next. Every step may meet another writer that does the same.
    """
    try:
        await check(client, index)
    except IndexMissing:
        await _create(client, index)
        for field, schema in PAYLOAD_INDEXES.items():
            await client.create_payload_index(index.collection, field, field_schema=schema)
        created = models.CreateAlias(collection_name=index.collection, alias_name=index.alias)
        await client.update_collection_aliases([models.CreateAliasOperation(create_alias=created)])
        await check(client, index)


async def drop(client: Client, index: Index) -> None:
    for alias in (await client.get_aliases()).aliases:
        if alias.alias_name == index.alias:
            await client.delete_collection(alias.collection_name)
    # One that was never finished has no alias.
    await client.delete_collection(index.collection)


async def _create(client: Client, index: Index) -> None:
    """Vectors are rounded to 16 bits before they are sent and kept in 32: Qdrant does not divide by the length of a
    vector that it stores in 16, and its cosines would differ from pgvector's in the fifth digit.
    """
    quantised = models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
    )
    try:
        await client.create_collection(
            index.collection,
            vectors_config={DENSE: models.VectorParams(size=index.model.dimension, distance=models.Distance.COSINE)},
            sparse_vectors_config={WORDS: models.SparseVectorParams()},
            quantization_config=quantised if index.quantised else None,
            strict_mode_config=models.StrictModeConfig(
                enabled=True, unindexed_filtering_retrieve=False, unindexed_filtering_update=False
            ),
            metadata=index.description,
        )
    except UnexpectedResponse as error:
        if error.status_code != _CONFLICT:
            raise
