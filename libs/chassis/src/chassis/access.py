"""What stands before every route: who calls, whether they still may, and how often. One bundle for a service's door."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chassis.auth import Counting, Guard, KeyTrade, RemoteKeys, RemoteKeyTrade, Verifier
from chassis.database import Database
from chassis.limits import Limits
from chassis.platform import Platform, ProjectedSource
from chassis.settings import ServiceSettings
from chassis.tables import AccessTables


async def _nothing() -> None: ...


@dataclass(frozen=True)
class Access:
    """`close`: before the database is closed."""

    verifier: Verifier
    platform: Guard
    limits: Counting
    key_trade: KeyTrade
    close: Callable[[], Awaitable[None]] = _nothing


def projected_access(settings: ServiceSettings, database: Database, tables: AccessTables) -> Access:
    """For every service but identity: what identity publishes, kept here."""
    limits = Limits(database, tables.request_counts)
    return Access(
        verifier=Verifier(RemoteKeys(settings.jwks_url), issuer=settings.jwt_issuer),
        platform=Platform(ProjectedSource(database, tables.platform)),
        limits=limits,
        key_trade=RemoteKeyTrade(settings.jwks_url),
        close=limits.close,
    )
