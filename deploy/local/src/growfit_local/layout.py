"""One installation, resolved: directories, ports, secrets and the settings that a person may choose."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from growfit_local import credentials, ports
from growfit_local.errors import StackError
from growfit_local.home import Home, write_private

DATABASE = "growfit"

# What may be chosen, in the environment or in `.env`, with the same defaults as under compose.
DEFAULTS: Mapping[str, str] = {
    "APP_ENV": "dev",
    "LOG_LEVEL": "INFO",
    "JWT_ISSUER": "growfit",
    "MAX_UPLOAD_BYTES": str(200 * 1024 * 1024),
    # Empty: a folder in the data directory.
    "STORAGE_URL": "",
    "S3_ENDPOINT": "",
    "S3_REGION": "",
    "S3_ACCESS_KEY_ID": "",
    "S3_SECRET_ACCESS_KEY": "",
    "S3_PATH_STYLE": "true",
    "PARSE_SECONDS": "120",
    "MAX_OCR_PAGES": "200",
    "VECTOR_BACKEND": "pgvector",
    # `local` starts the local Qdrant server beside pgvector, for a migration; QDRANT_URL names another one instead.
    "QDRANT": "",
    "QDRANT_URL": "",
    "QDRANT_API_KEY": "",
    "EMBEDDING_API_KEY": "local",
    "EMBEDDING_MODELS": "",
    "EMBEDDER_THREADS": "",
    "LLM_BASE_URL": "",
    "LLM_API_KEY": "",
    "LLM_MODEL": "",
    "RERANK_BASE_URL": "",
    "RERANK_API_KEY": "",
    "RERANK_MODEL": "",
    # Empty: the gateway's own address, and .eml files in the data directory.
    "PUBLIC_URL": "",
    "MAIL_URL": "",
    "MAIL_FROM": "GrowFit <no-reply@growfit.invalid>",
    "OIDC_PROVIDERS": "",
    "LLM_ALLOWED_HOSTS": "",
    "LLM_PRIVATE_ADDRESSES": "refuse",
    "TRUSTED_PROXIES": "",
    "RATE_LIMIT_AVERAGE": "200",
    "RATE_LIMIT_BURST": "400",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "",
}

PORTS = (
    "postgres",
    "nats",
    "nats-monitor",
    "qdrant",
    "embedder",
    "identity",
    "org-partner",
    "ingest",
    "ingest-worker",
    "rag",
    "usage-metrics",
    "traefik-ping",
)


@dataclass(frozen=True)
class Layout:
    home: Home
    host: str
    ports: dict[str, int]
    secrets: dict[str, str]
    settings: dict[str, str]

    @property
    def gateway_url(self) -> str:
        host = ports.LOOPBACK if self.host == "0.0.0.0" else self.host
        return f"http://{host}:{self.ports['gateway']}"

    def url(self, name: str) -> str:
        return f"http://{ports.LOOPBACK}:{self.ports[name]}"

    def database_url(self, role: str, *, database: str = DATABASE, driver: str = "postgresql+psycopg") -> str:
        password = self.secrets[credentials.ROLES[role]]
        return f"{driver}://{role}:{password}@{ports.LOOPBACK}:{self.ports['postgres']}/{database}"

    @property
    def runs_qdrant(self) -> bool:
        """Vectors live there, or a migration moves them. Who has a server of his own names it in QDRANT_URL."""
        chosen = self.settings["VECTOR_BACKEND"] == "qdrant" or self.settings["QDRANT"] == "local"
        return chosen and not self.settings["QDRANT_URL"]

    @property
    def qdrant(self) -> dict[str, str]:
        """What services are told of Qdrant; empty texts where there is none."""
        if self.runs_qdrant:
            return {"QDRANT_URL": self.url("qdrant"), "QDRANT_API_KEY": self.secrets["QDRANT_API_KEY"]}
        return {name: self.settings[name] for name in ("QDRANT_URL", "QDRANT_API_KEY")}

    @property
    def nats_url(self) -> str:
        return f"nats://{ports.LOOPBACK}:{self.ports['nats']}"


def resolve(home: Home, *, port: int, host: str, settings: Mapping[str, str]) -> Layout:
    """Choose the ports, make the missing secrets, and remember both.

    Raises:
        PortTaken: the gateway's port is in use.
    """
    remembered = _state(home).get("ports", {})
    gateway = ports.gateway(port, host=host, remembered=remembered.get("gateway", 0))
    chosen = ports.choose(
        PORTS, remembered={name: remembered[name] for name in PORTS if name in remembered}, gateway=gateway
    )
    layout = Layout(
        home=home,
        host=host,
        ports={"gateway": gateway, **chosen},
        secrets=credentials.load(home),
        settings={name: settings.get(name, default) for name, default in DEFAULTS.items()},
    )
    state = {"host": host, "ports": layout.ports, "settings": layout.settings}
    write_private(home.state, json.dumps(state, indent=2) + "\n")
    return layout


def remembered(home: Home) -> Layout:
    """The layout of the last start.

    Raises:
        StackError: there was none.
    """
    state = _state(home)
    if not state:
        raise StackError(f"There is no stack in {home.root}. Start one: make up")
    return Layout(home, state["host"], state["ports"], credentials.load(home), state["settings"])


def _state(home: Home) -> dict[str, Any]:
    return json.loads(home.state.read_text("utf-8")) if home.state.exists() else {}
