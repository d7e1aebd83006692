"""What stands before every route: who calls, whether they still may, and how often. One bundle for a service's door."""

from dataclasses import dataclass

from sqlalchemy import MetaData, Table

from chassis.auth import Counting, Guard, KeyTrade, RemoteKeys, RemoteKeyTrade, Verifier
from chassis.database import Database
from chassis.limits import Limits, limits_table
from chassis.platform import Platform, PlatformTables, ProjectedSource, platform_tables
from chassis.settings import ServiceSettings


@dataclass(frozen=True)
class AccessTables:
    platform: PlatformTables
    request_counts: Table


def access_tables(metadata: MetaData, *, schema: str) -> AccessTables:
    """`revocations`, `platform_settings` and `request_counts` in the service's plumbing schema."""
    return AccessTables(platform_tables(metadata, schema=schema), limits_table(metadata, schema=schema))


@dataclass(frozen=True)
class Access:
    verifier: Verifier
    platform: Guard
    limits: Counting
    key_trade: KeyTrade


def projected_access(settings: ServiceSettings, database: Database, tables: AccessTables) -> Access:
    """For every service but identity: what identity publishes, kept here."""
    return Access(
        verifier=Verifier(RemoteKeys(settings.jwks_url), issuer=settings.jwt_issuer),
        platform=Platform(ProjectedSource(database, tables.platform)),
        limits=Limits(database, tables.request_counts),
        key_trade=RemoteKeyTrade(settings.jwks_url),
    )
