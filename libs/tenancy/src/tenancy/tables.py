from dataclasses import dataclass

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, Table, Text, Uuid


@dataclass(frozen=True)
class TenancyTables:
    """`tenants`: orgs and partners that are known to be active or not; one that is not here is active."""

    memberships: Table
    classes: Table
    tenants: Table


def tenancy_tables(metadata: MetaData, *, schema: str) -> TenancyTables:
    memberships = Table(
        "memberships",
        metadata,
        Column("membership_id", Uuid, primary_key=True),
        Column("user_id", Uuid, nullable=False),
        Column("org_id", Uuid, nullable=False),
        Column("partner_id", Uuid),
        # Set for a student's enrolment; a role in a partner or an org reaches its classes.
        Column("class_id", Uuid),
        # Absent while a revocation is known and the grant, which names the role, is not.
        Column("role", Text),
        Column("is_active", Boolean, nullable=False),
        Column("version", Integer, nullable=False),
        Index("ix_memberships_user_id", "user_id"),
        Index("ix_memberships_partner_id", "partner_id"),
        schema=schema,
    )
    classes = Table(
        "classes",
        metadata,
        Column("class_id", Uuid, primary_key=True),
        Column("org_id", Uuid, nullable=False),
        Column("partner_id", Uuid, nullable=False),
        # Absent while the closing is known and the opening, which names the class, is not.
        Column("name", Text),
        Column("is_open", Boolean, nullable=False),
        Column("version", Integer, nullable=False),
        Index("ix_classes_org_id_partner_id", "org_id", "partner_id"),
        Index("ix_classes_partner_id", "partner_id"),
        schema=schema,
    )
    tenants = Table(
        "tenants",
        metadata,
        # An org's or a partner's id.
        Column("tenant_id", Uuid, primary_key=True),
        Column("org_id", Uuid, nullable=False),
        Column("is_active", Boolean, nullable=False),
        Column("version", Integer, nullable=False),
        schema=schema,
    )
    return TenancyTables(memberships, classes, tenants)
