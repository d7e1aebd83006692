"""Traefik's start flags. Those that do not depend on the machine stand in one tuple; compose passes the same."""

from growfit_local.home import REPOSITORY
from growfit_local.layout import Layout
from growfit_local.ports import LOOPBACK

FLAGS = (
    "--global.checkNewVersion=false",
    "--global.sendAnonymousUsage=false",
    "--ping=true",
    "--ping.entryPoint=ping",
    "--log.level=WARN",
    "--log.noColor=true",
    "--accessLog=true",
    "--accessLog.format=json",
    "--accessLog.filters.statusCodes=429,500-599",
    "--accessLog.fields.headers.names.X-Request-Id=keep",
    "--providers.file.watch=false",
    # A 200 MB upload over a slow line takes long to read, and an answer that streams has no end in sight.
    "--entryPoints.web.transport.respondingTimeouts.readTimeout=3600s",
    "--entryPoints.web.transport.respondingTimeouts.writeTimeout=0s",
    "--entryPoints.web.transport.respondingTimeouts.idleTimeout=180s",
    "--entryPoints.web.transport.lifeCycle.graceTimeOut=5s",
    # Nothing reaches a service that two parsers could read in two ways.
    "--entryPoints.web.http.maxHeaderBytes=65536",
    "--entryPoints.web.http.aliasHeadersStrategy=delete",
    "--entryPoints.ping.http.aliasHeadersStrategy=delete",
    *(
        f"--entryPoints.web.http.encodedCharacters.allowEncoded{character}=false"
        for character in ("BackSlash", "Hash", "NullCharacter", "Percent", "QuestionMark", "Semicolon", "Slash")
    ),
)

# Traefik is idle most of the time; collecting earlier costs nothing that a person would notice.
MEMORY = {"GOMEMLIMIT": "96MiB", "GOGC": "50"}


def flags(layout: Layout) -> list[str]:
    return [
        *FLAGS,
        f"--entryPoints.web.address={layout.host}:{layout.ports['gateway']}",
        f"--entryPoints.web.forwardedHeaders.trustedIPs={layout.settings['TRUSTED_PROXIES']}",
        f"--entryPoints.ping.address={LOOPBACK}:{layout.ports['traefik-ping']}",
        f"--providers.file.filename={REPOSITORY / 'deploy' / 'traefik' / 'dynamic.yaml'}",
    ]
