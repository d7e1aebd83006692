"""What a collection is made of: JSON to the engine's configuration, and back as Qdrant would show it."""

from typing import Any

import qdrant_edge as engine

from growfit_local.qdrant.errors import BadRequest, NotHere
from growfit_local.qdrant.fields import Fields

_HNSW = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000}
_OPTIMIZER = {"deleted_threshold": 0.2, "vacuum_min_vector_number": 1_000, "default_segment_number": 0}
_INDEXING_THRESHOLD = 10_000
_STRICT = {"enabled", "unindexed_filtering_retrieve", "unindexed_filtering_update"}
_DISTANCES = {"Cosine": engine.Distance.Cosine, "Dot": engine.Distance.Dot, "Euclid": engine.Distance.Euclid}
_DATATYPES = {"float32": engine.VectorStorageDatatype.Float32, "float16": engine.VectorStorageDatatype.Float16}


def parse_collection(body: Any) -> engine.EdgeConfig:
    """Raises BadRequest and NotHere for what this server could not keep."""
    fields = Fields(body, what="a collection")
    dense = {name: _dense(each) for name, each in Fields(fields.need("vectors"), what="vectors")._left.items()}  # noqa: SLF001
    sparse = {name: _sparse(each) for name, each in (fields.take("sparse_vectors") or {}).items()}
    hnsw = _HNSW | (fields.take("hnsw_config") or {})
    optimizers = fields.take("optimizers_config") or {}
    quantization = fields.take("quantization_config")
    _strict_mode(fields.take("strict_mode_config") or {})
    fields.take("metadata")
    for single in ("shard_number", "replication_factor", "write_consistency_factor"):
        if fields.number(single, 1) != 1:
            raise NotHere(f"this local server has one shard and no replicas: {single}")
    fields.end()
    return engine.EdgeConfig(
        vectors=dense,
        sparse_vectors=sparse or None,
        hnsw_config=_hnsw(hnsw),
        optimizers=_optimizers(optimizers),
        quantization_config=None if quantization is None else _quantization(quantization),
    )


def _dense(value: Any) -> engine.EdgeVectorParams:
    fields = Fields(value, what="a vector's parameters")
    distance, datatype = fields.need("distance"), fields.take("datatype", "float32")
    if distance not in _DISTANCES or datatype not in _DATATYPES:
        raise NotHere(f"this local server does not know {distance} with {datatype}")
    made = engine.EdgeVectorParams(
        size=fields.need("size"), distance=_DISTANCES[distance], datatype=_DATATYPES[datatype]
    )
    fields.end()
    return made


def _sparse(value: Any) -> engine.EdgeSparseVectorParams:
    Fields(value, what="a sparse vector's parameters").end()
    return engine.EdgeSparseVectorParams()


def _hnsw(value: Any) -> engine.HnswIndexConfig:
    fields = Fields(value, what="hnsw_config")
    made = engine.HnswIndexConfig(
        m=fields.need("m"),
        ef_construct=fields.need("ef_construct"),
        full_scan_threshold=fields.need("full_scan_threshold"),
        payload_m=fields.number("payload_m"),
    )
    fields.end()
    return made


def _optimizers(value: Any) -> engine.EdgeOptimizersConfig:
    fields = Fields(value, what="optimizers_config")
    made = engine.EdgeOptimizersConfig(
        indexing_threshold=fields.number("indexing_threshold", _INDEXING_THRESHOLD),
        default_segment_number=fields.number("default_segment_number"),
    )
    fields.end()
    return made


def _quantization(value: Any) -> engine.ScalarQuantizationConfig:
    outer = Fields(value, what="quantization_config")
    fields = Fields(outer.need("scalar"), what="scalar quantization")
    outer.end()
    if fields.need("type") != "int8":
        raise BadRequest("scalar quantization has the type int8")
    made = engine.ScalarQuantizationConfig(
        engine.ScalarType.Int8, quantile=fields.take("quantile"), always_ram=fields.take("always_ram")
    )
    fields.end()
    return made


def _strict_mode(value: Any) -> None:
    if unknown := {name for name, each in value.items() if each is not None} - _STRICT:
        raise NotHere(f"this local server does not know the strict mode {', '.join(sorted(unknown))}")


def parse_index(body: Any) -> tuple[str, Any]:
    """The field, and its index."""
    fields = Fields(body, what="a payload index")
    name, schema = fields.need("field_name"), fields.need("field_schema")
    fields.end()
    given = Fields({"type": schema} if isinstance(schema, str) else schema, what="a field's schema")
    match given.need("type"):
        case "keyword":
            made: Any = engine.KeywordIndexParams(
                is_tenant=given.take("is_tenant"), enable_hnsw=given.take("enable_hnsw")
            )
        case "integer":
            made = engine.IntegerIndexParams(
                lookup=given.take("lookup", True),
                range=given.take("range", True),
                enable_hnsw=given.take("enable_hnsw"),
            )
        case "uuid":
            made = engine.UuidIndexParams(is_tenant=given.take("is_tenant"), enable_hnsw=given.take("enable_hnsw"))
        case other:
            raise NotHere(f"this local server has no payload index of type {other}")
    given.end()
    return name, made


def shown(body: Any, *, info: Any, status: str) -> dict[str, Any]:
    """A collection as `GET /collections/{name}` tells of it."""
    return {
        "status": status,
        "optimizer_status": "ok",
        "indexed_vectors_count": info.indexed_vectors_count,
        "points_count": info.points_count,
        "segments_count": info.segments_count,
        "config": {
            "params": {"vectors": body["vectors"], "sparse_vectors": body.get("sparse_vectors"), "shard_number": 1},
            "hnsw_config": _HNSW | (body.get("hnsw_config") or {}),
            "optimizer_config": {"flush_interval_sec": 5, "indexing_threshold": _INDEXING_THRESHOLD}
            | _OPTIMIZER
            | (body.get("optimizers_config") or {}),
            "quantization_config": body.get("quantization_config"),
            "strict_mode_config": body.get("strict_mode_config"),
            "metadata": body.get("metadata"),
        },
        "payload_schema": {
            name: {"data_type": _type_name(index.data_type), "points": index.points}
            for name, index in info.payload_schema.items()
        },
    }


def _type_name(kind: Any) -> str:
    return str(kind).rpartition(".")[2].lower()
