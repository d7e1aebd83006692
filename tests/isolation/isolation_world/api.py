"""The operations as the five services describe them, read through the gateway, and the table of what they answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from isolation_world.people import CALLERS

EXPECTED = Path(__file__).parents[1] / "expected.yaml"
SERVICES = ("identity", "org-partner", "ingest", "rag", "usage-metrics")
# The gateway answers it for the service's name, and it says nothing.
OPEN = {"GET /health"}


@dataclass(frozen=True)
class Described:
    """`document`: the whole description, which its references point into."""

    service: str
    operation: str
    details: Mapping[str, Any]
    document: Mapping[str, Any]

    @property
    def method(self) -> str:
        return self.operation.split(" ", 1)[0]

    @property
    def path(self) -> str:
        return self.operation.split(" ", 1)[1]

    def body_fields(self) -> dict[str, Any]:
        content = self.details.get("requestBody", {}).get("content", {}).get("application/json", {})
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        schema = self.document.get("components", {}).get("schemas", {}).get(name, {})
        found: dict[str, Any] = schema.get("properties", {})
        return found

    def query_fields(self) -> list[str]:
        return [each["name"] for each in self.details.get("parameters", []) if each["in"] == "query"]


def described(http: httpx.Client) -> Iterator[Described]:
    for service in SERVICES:
        document = http.get(f"/services/{service}/openapi.json").json()
        for path, methods in document["paths"].items():
            for method, details in methods.items():
                operation = f"{method.upper()} {path}"
                if operation not in OPEN:
                    yield Described(service, operation, details, document)


def expected() -> dict[str, dict[str, int]]:
    """Statuses by operation and caller."""
    services = yaml.safe_load(EXPECTED.read_text("utf-8"))
    rows = {operation: statuses for service in services.values() for operation, statuses in service.items()}
    return {operation: dict(zip(CALLERS, statuses, strict=True)) for operation, statuses in rows.items()}
