"""The environment of every process: the one table that the local stack passes and compose is checked against."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from dotenv import dotenv_values

from growfit_local.credentials import NATS_USERS, ROLES, public_name, seed_name
from growfit_local.layout import DEFAULTS, Layout
from growfit_local.ports import LOOPBACK

Environment = dict[str, str]

_COMMON = ("APP_ENV", "LOG_LEVEL", "JWT_ISSUER", "OTEL_EXPORTER_OTLP_ENDPOINT")
_S3 = ("S3_ENDPOINT", "S3_REGION", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "S3_PATH_STYLE")
_LLM = ("LLM_BASE_URL", "LLM_API_KEY", "LLM_MODEL", "RERANK_BASE_URL", "RERANK_API_KEY", "RERANK_MODEL")


# What the commands themselves read, before any stack is known.
_OF_COMMANDS = ("PORT", "GROWFIT_HOST", "GROWFIT_HOME")


def adopt(dotenv: Path) -> None:
    """Let the `.env` file speak for the commands as well, where the environment says nothing."""
    lines = dotenv_values(dotenv) if dotenv.exists() else {}
    for name in _OF_COMMANDS:
        if lines.get(name):
            os.environ.setdefault(name, str(lines[name]))


def chosen(dotenv: Path) -> Environment:
    """The settings that a person chose: the environment first, then the `.env` file."""
    lines = dotenv_values(dotenv) if dotenv.exists() else {}
    return {name: os.environ.get(name) or lines.get(name) or default for name, default in DEFAULTS.items()}


def _service(layout: Layout, role: str) -> Environment:
    return {name: layout.settings[name] for name in _COMMON} | {
        "DATABASE_URL": layout.database_url(role),
        "NATS_URL": layout.nats_url,
        "NATS_NKEY_SEED": layout.secrets[seed_name(role)],
        "JWKS_URL": f"{layout.url('identity')}/.well-known/jwks.json",
        "FORWARDED_ALLOW_IPS": f"{LOOPBACK},{layout.settings['TRUSTED_PROXIES']}",
    }


def _retrieval(layout: Layout, role: str) -> Environment:
    return {
        "VECTOR_BACKEND": layout.settings["VECTOR_BACKEND"],
        "VECTOR_DATABASE_URL": layout.database_url(role),
        "EMBEDDING_BASE_URL": f"{layout.url('embedder')}/v1",
        "EMBEDDING_MODEL": "multilingual-e5-small",
        "EMBEDDING_API_KEY": layout.settings["EMBEDDING_API_KEY"],
        "EMBEDDING_MODELS": layout.settings["EMBEDDING_MODELS"],
        **layout.qdrant,
    }


def _letters(layout: Layout) -> Environment:
    return {
        "PUBLIC_URL": layout.settings["PUBLIC_URL"] or layout.gateway_url,
        "MAIL_URL": layout.settings["MAIL_URL"] or layout.home.mail.as_uri(),
        "MAIL_FROM": layout.settings["MAIL_FROM"],
    }


def identity(layout: Layout) -> Environment:
    own = {
        "KEY_ENCRYPTION_KEY": layout.secrets["KEY_ENCRYPTION_KEY"],
        "OIDC_PROVIDERS": layout.settings["OIDC_PROVIDERS"],
    }
    return _service(layout, "identity") | _letters(layout) | own


def org_partner(layout: Layout) -> Environment:
    own = {
        "KEY_ENCRYPTION_KEY": layout.secrets["ORG_PARTNER_KEY_ENCRYPTION_KEY"],
        "LLM_ALLOWED_HOSTS": layout.settings["LLM_ALLOWED_HOSTS"],
        "LLM_PRIVATE_ADDRESSES": layout.settings["LLM_PRIVATE_ADDRESSES"],
    }
    return _service(layout, "org_partner") | _letters(layout) | own


def ingest(layout: Layout) -> Environment:
    return (
        _service(layout, "ingest")
        | _retrieval(layout, "vector_writer")
        | {
            **{name: layout.settings[name] for name in _S3},
            "STORAGE_URL": layout.settings["STORAGE_URL"] or layout.home.documents.as_uri(),
            "LINK_SIGNING_KEY": layout.secrets["INGEST_LINK_SIGNING_KEY"],
            "MAX_UPLOAD_BYTES": layout.settings["MAX_UPLOAD_BYTES"],
            "PARSE_SECONDS": layout.settings["PARSE_SECONDS"],
            "MAX_OCR_PAGES": layout.settings["MAX_OCR_PAGES"],
        }
    )


def rag(layout: Layout) -> Environment:
    llm = {name: layout.settings[name] for name in _LLM}
    return _service(layout, "rag") | _retrieval(layout, "vector_reader") | llm


def usage_metrics(layout: Layout) -> Environment:
    return _service(layout, "usage_metrics")


def embedder(layout: Layout) -> Environment:
    return {"EMBEDDER_THREADS": layout.settings["EMBEDDER_THREADS"]}


def nats(layout: Layout) -> Environment:
    return {public_name(user): layout.secrets[public_name(user)] for user in NATS_USERS} | {
        # The configuration reads these as its own syntax, so what may hold a space or a colon is quoted.
        "NATS_LISTEN": f'"{LOOPBACK}:{layout.ports["nats"]}"',
        "NATS_MONITOR": f'"{LOOPBACK}:{layout.ports["nats-monitor"]}"',
        "NATS_STORE_DIR": f'"{layout.home.nats}"',
    }


def qdrant(layout: Layout) -> Environment:
    """The local server reads the first of Qdrant's own variables; it has no telemetry to be disabled."""
    return {"QDRANT__SERVICE__API_KEY": layout.secrets["QDRANT_API_KEY"], "QDRANT__TELEMETRY_DISABLED": "true"}


def traefik(layout: Layout) -> Environment:
    return {
        "IDENTITY_URL": layout.url("identity"),
        "ORG_PARTNER_URL": layout.url("org-partner"),
        "INGEST_URL": layout.url("ingest"),
        "RAG_URL": layout.url("rag"),
        "USAGE_METRICS_URL": layout.url("usage-metrics"),
        "RATE_LIMIT_AVERAGE": layout.settings["RATE_LIMIT_AVERAGE"],
        "RATE_LIMIT_BURST": layout.settings["RATE_LIMIT_BURST"],
    }


def bootstrap(layout: Layout) -> Environment:
    """What deploy/postgres/init.sh reads, apart from libpq's own PG* variables."""
    return {variable: layout.secrets[variable] for role, variable in ROLES.items() if role != "postgres"}


def migrate(layout: Layout) -> Environment:
    return {"MIGRATION_DATABASE_URL": layout.database_url("growfit_migrator")}


def provision(layout: Layout) -> Environment:
    return {"NATS_URL": layout.nats_url, "NATS_NKEY_SEED": layout.secrets[seed_name("provision")]}


TABLE: Mapping[str, Callable[[Layout], Environment]] = {
    "nats": nats,
    "qdrant": qdrant,
    "embedder": embedder,
    "identity": identity,
    "org-partner": org_partner,
    "ingest": ingest,
    "ingest-worker": ingest,
    "rag": rag,
    "usage-metrics": usage_metrics,
    "traefik": traefik,
    "bootstrap": bootstrap,
    "migrate": migrate,
    "provision": provision,
}
