"""`make docs`: the published contracts, generated from the code. `--check` says whether they are up to date.

docs/asyncapi.json: the events. docs/openapi/<service>.json: each service's HTTP API.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from chassis import asyncapi

DOCS = Path(__file__).parent.parent / "docs"
PACKAGES = ("identity", "org_partner", "ingest", "rag", "usage_metrics")
# The routes of a service do not depend on its settings; nothing is connected while they are described.
SETTINGS = {
    "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1/nothing",
    "VECTOR_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1/nothing",
    "NATS_URL": "nats://127.0.0.1",
    "NATS_NKEY_SEED": "",
    "JWKS_URL": "http://127.0.0.1/",
    "KEY_ENCRYPTION_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "LINK_SIGNING_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "STORAGE_URL": "memory:///",
    "EMBEDDING_BASE_URL": "http://127.0.0.1/v1",
}


def openapi(package: str) -> dict[str, Any]:
    app = importlib.import_module(f"{package}.main").create_app()
    described: dict[str, Any] = app.openapi()
    return described


def documents() -> dict[Path, str]:
    made = {DOCS / "asyncapi.json": _text(asyncapi.document())}
    for package in PACKAGES:
        made[DOCS / "openapi" / f"{package.replace('_', '-')}.json"] = _text(openapi(package))
    return made


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main() -> int:
    os.environ.update(SETTINGS)
    stale = []
    for path, text in documents().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(DOCS.parent)))
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        print("out of date:", ", ".join(stale), "— run `make docs`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
