# mypy: disable-error-code="no-untyped-call"
"""Passwords and keys of one installation: made at the first start, kept in a file that only its owner reads.

The names are those of `.env` under compose, so `python -m growfit_local secrets > .env` prepares that as well.
"""

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping

import nkeys

from growfit_local.home import Home, write_private

# Every database role and the variable that holds its password.
ROLES: Mapping[str, str] = {
    "postgres": "POSTGRES_PASSWORD",
    "growfit_migrator": "MIGRATOR_PASSWORD",
    "identity": "IDENTITY_DB_PASSWORD",
    "org_partner": "ORG_PARTNER_DB_PASSWORD",
    "ingest": "INGEST_DB_PASSWORD",
    "rag": "RAG_DB_PASSWORD",
    "usage_metrics": "USAGE_METRICS_DB_PASSWORD",
    "vector_writer": "VECTOR_WRITER_PASSWORD",
    "vector_reader": "VECTOR_READER_PASSWORD",
}
NATS_USERS = ("provision", "operator", "identity", "org_partner", "ingest", "rag", "usage_metrics", "analytics")


def seed_name(user: str) -> str:
    return f"NATS_{user.upper()}_SEED"


def public_name(user: str) -> str:
    return f"NATS_{user.upper()}_PUBLIC"


def load(home: Home) -> dict[str, str]:
    """The installation's secrets by name. Missing ones are made and saved; existing ones never change."""
    kept: dict[str, str] = json.loads(home.secrets.read_text("utf-8")) if home.secrets.exists() else {}
    complete = kept | _missing(kept)
    if complete != kept:
        write_private(home.secrets, json.dumps(complete, indent=2) + "\n")
    return complete


def generate() -> dict[str, str]:
    return _missing({})


def _missing(kept: Mapping[str, str]) -> dict[str, str]:
    makers: dict[str, Callable[[], str]] = {variable: lambda: secrets.token_urlsafe(24) for variable in ROLES.values()}
    makers["KEY_ENCRYPTION_KEY"] = lambda: base64.b64encode(secrets.token_bytes(32)).decode()
    makers["ORG_PARTNER_KEY_ENCRYPTION_KEY"] = makers["KEY_ENCRYPTION_KEY"]
    makers["INGEST_LINK_SIGNING_KEY"] = makers["KEY_ENCRYPTION_KEY"]
    makers["QDRANT_API_KEY"] = lambda: secrets.token_urlsafe(24)
    made = {name: make() for name, make in makers.items() if name not in kept}
    for user in NATS_USERS:
        if seed_name(user) not in kept:
            made |= _nkey(user)
    return made


def _nkey(user: str) -> dict[str, str]:
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(seed).public_key
    return {seed_name(user): bytes(seed).decode(), public_name(user): bytes(public).decode()}
