"""Points, queries and records: JSON to the engine's objects, and back."""

from typing import Any

import qdrant_edge as engine

from growfit_local.qdrant.errors import BadRequest, NotHere
from growfit_local.qdrant.fields import Fields
from growfit_local.qdrant.filters import parse_filter

_MODES = {
    "upsert": engine.UpdateMode.Upsert,
    "insert_only": engine.UpdateMode.InsertOnly,
    "update_only": engine.UpdateMode.UpdateOnly,
}


def parse_upsert(body: Any) -> tuple[engine.UpdateOperation, int]:
    """The operation, and the number of points that it writes."""
    fields = Fields(body, what="an upsert")
    points = [_point(each) for each in fields.need("points")]
    condition, mode = parse_filter(fields.take("update_filter")), fields.take("update_mode", "upsert")
    fields.end()
    if mode not in _MODES:
        raise BadRequest(f"unknown update_mode {mode!r}")
    return engine.UpdateOperation.upsert_points(points, condition, _MODES[mode]), len(points)


def parse_delete(body: Any) -> tuple[engine.UpdateOperation, int]:
    fields = Fields(body, what="a deletion")
    if "filter" in body:
        raise NotHere("this local server deletes points by their ids")
    ids = fields.need("points")
    fields.end()
    return engine.UpdateOperation.delete_points(ids), len(ids)


def parse_payload(body: Any, *, overwrite: bool) -> tuple[engine.UpdateOperation, int]:
    fields = Fields(body, what="a payload")
    payload, by_filter = fields.need("payload"), fields.take("filter")
    if by_filter is not None:
        return _payload_by_filter(fields, by_filter, payload, overwrite=overwrite)
    ids = fields.need("points")
    fields.end()
    change = engine.UpdateOperation.overwrite_payload if overwrite else engine.UpdateOperation.set_payload
    return change(ids, payload), len(ids)


def _payload_by_filter(
    fields: Fields, by_filter: Any, payload: Any, *, overwrite: bool
) -> tuple[engine.UpdateOperation, int]:
    if overwrite:
        raise NotHere("this local server overwrites the payload of points by their ids")
    fields.end()
    # How many it changes is not known; a payload alone gives the optimiser nothing to do.
    return engine.UpdateOperation.set_payload_by_filter(parse_filter(by_filter) or engine.Filter(), payload), 0


def parse_operations(body: Any) -> list[tuple[engine.UpdateOperation, int]]:
    fields = Fields(body, what="a batch")
    operations = fields.need("operations")
    fields.end()
    return [_operation(each) for each in operations]


def _operation(value: Any) -> tuple[engine.UpdateOperation, int]:
    name = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else ""
    match name:
        case "upsert":
            return parse_upsert(value[name])
        case "delete":
            return parse_delete(value[name])
        case "set_payload" | "overwrite_payload":
            return parse_payload(value[name], overwrite=name == "overwrite_payload")
    raise NotHere(f"this local server does not know the operation {value!r:.80}")


def _point(value: Any) -> engine.Point:
    fields = Fields(value, what="a point")
    key, vectors, payload = fields.need("id"), _vectors(fields.need("vector")), fields.take("payload")
    fields.end()
    return engine.Point(key, vectors, payload)


def _vectors(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sparse(each) if isinstance(each, dict) else each for name, each in value.items()}
    return value


def _sparse(value: Any) -> engine.SparseVector:
    fields = Fields(value, what="a sparse vector")
    vector = engine.SparseVector(fields.need("indices"), fields.need("values"))
    fields.end()
    return vector


def parse_query(body: Any) -> engine.QueryRequest:
    fields = Fields(body, what="a query")
    nearest, using = fields.need("query"), fields.take("using")
    if isinstance(nearest, dict) and "nearest" in nearest:
        inner = Fields(nearest, what="a nearest query")
        nearest = inner.need("nearest")
        inner.end()
    if not isinstance(nearest, list) and not (isinstance(nearest, dict) and "indices" in nearest):
        raise NotHere("this local server searches by a vector")
    request = engine.QueryRequest(
        limit=fields.number("limit", 10) or 0,
        offset=fields.number("offset"),
        query=engine.Query.Nearest(_sparse(nearest) if isinstance(nearest, dict) else nearest, using),
        filter=parse_filter(fields.take("filter")),
        params=_params(fields.take("params")),
        score_threshold=fields.take("score_threshold"),
        with_payload=selector(fields.take("with_payload", False)),
        with_vector=fields.take("with_vector", False),
    )
    fields.end()
    return request


def _params(value: Any) -> engine.SearchParams | None:
    if value is None:
        return None
    fields = Fields(value, what="search parameters")
    exact, ef, indexed_only = fields.take("exact", False), fields.number("hnsw_ef"), fields.take("indexed_only", False)
    quantization = fields.take("quantization")
    fields.end()
    return engine.SearchParams(
        hnsw_ef=ef, exact=exact, indexed_only=indexed_only, quantization=quantization and _rescoring(quantization)
    )


def _rescoring(value: Any) -> engine.QuantizationSearchParams:
    fields = Fields(value, what="quantization")
    made = engine.QuantizationSearchParams(
        ignore=fields.take("ignore", False), rescore=fields.take("rescore"), oversampling=fields.take("oversampling")
    )
    fields.end()
    return made


def selector(value: Any) -> Any:
    """`with_payload`: a flag, a list of keys, or what to take or leave."""
    if not isinstance(value, dict):
        return value
    fields = Fields(value, what="a payload selector")
    made = (
        engine.PayloadSelector.Include(fields.need("include"))
        if "include" in value
        else engine.PayloadSelector.Exclude(fields.need("exclude"))
    )
    fields.end()
    return made


def scored(point: engine.ScoredPoint) -> dict[str, Any]:
    return record(point) | {"version": point.version, "score": point.score}


def record(point: Any) -> dict[str, Any]:
    found = {"id": _id(point.id), "payload": point.payload}
    if point.vector is not None:
        found["vector"] = _vectors_json(point.vector)
    return found


def _id(value: Any) -> int | str:
    return value if isinstance(value, int) else str(value)


def _vectors_json(vector: Any) -> Any:
    if isinstance(vector, dict):
        return {name: _vectors_json(each) for name, each in vector.items()}
    if isinstance(vector, engine.SparseVector):
        return {"indices": vector.indices, "values": vector.values}
    return vector
