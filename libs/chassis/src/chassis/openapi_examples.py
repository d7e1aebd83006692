"""An example of each answer, made of the examples that stand at its fields, so that none is written twice.

A field without one takes that of a field of the same name elsewhere in the API, or else what its type and format say.
"""

from collections.abc import Iterable, Mapping
from typing import Any

_BY_FORMAT = {
    "uuid": "0198f3a1-7c52-7b3e-9c4d-2f6a8e1b0c9d",
    "date-time": "2026-11-26T09:30:00+09:00",
    "date": "2026-11-26",
    "email": "minji@example.com",
    "uri": "https://growfit.example.com",
    "binary": "",
}
_BY_TYPE: Mapping[str, Any] = {"string": "문자열", "integer": 1, "number": 1.5, "boolean": True, "null": None}
_TYPES: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
}
_REF = "#/components/schemas/"


def add(document: dict[str, Any]) -> None:
    """Give every successful JSON answer of the description an example, unless it has one."""
    maker = _Maker(document.get("components", {}).get("schemas", {}))
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json")
                if status.startswith("2") and content and not {"example", "examples"} & content.keys():
                    content["example"] = maker.of(content.get("schema", {}))


class _Maker:
    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas
        self._by_name: dict[tuple[str, type], Any] = {}
        for schema in schemas.values():
            for name, field in schema.get("properties", {}).items():
                for example in field.get("examples", ()):
                    self._by_name.setdefault((name, type(example)), example)

    def of(self, schema: Mapping[str, Any], *, name: str = "", inside: tuple[str, ...] = ()) -> Any:
        """`inside`: the schemas that this one is a part of, so that a tree ends."""
        for key in ("examples", "enum"):
            if schema.get(key):
                return schema[key][0]
        if "$ref" in schema:
            target = schema["$ref"].removeprefix(_REF)
            return None if target in inside else self.of(self._schemas[target], name=name, inside=(*inside, target))
        if "const" in schema:
            return schema["const"]
        if (name, _TYPES.get(schema.get("type", ""))) in self._by_name:
            return self._by_name[name, _TYPES[schema["type"]]]
        variants = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
        if variants:
            first = next((each for each in variants if each.get("type") != "null"), variants[0])
            return self.of(first, name=name, inside=inside)
        return self._plain(schema, inside)

    def _plain(self, schema: Mapping[str, Any], inside: tuple[str, ...]) -> Any:
        match schema.get("type"):
            case "object":
                return self._object(schema, inside)
            case "array":
                made = self.of(schema.get("items", {}), inside=inside)
                return [] if made is None else [made]
            case "integer" | "number" as kind:
                return max(schema.get("minimum", _BY_TYPE[kind]), _BY_TYPE[kind])
            case kind:
                return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(str(kind)))

    def _object(self, schema: Mapping[str, Any], inside: tuple[str, ...]) -> dict[str, Any]:
        fields: Iterable[tuple[str, Any]] = schema.get("properties", {}).items()
        made = {name: self.of(field, name=name, inside=inside) for name, field in fields}
        values = schema.get("additionalProperties")
        if not made and isinstance(values, dict):
            made["key"] = self.of(values, inside=inside)
        return made
