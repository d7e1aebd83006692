"""access and isolation"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis import tenant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GRANTS = {
    "org_partner.revocations": "SELECT, INSERT, UPDATE, DELETE",
    "org_partner.platform_settings": "SELECT, INSERT, UPDATE",
    "org_partner.request_counts": "SELECT, INSERT, UPDATE, DELETE",
}

ORGS_OF_USER = "SELECT m.org_id FROM partner.memberships m WHERE m.user_id = p_user_id UNION SELECT s.org_id FROM partner.students s WHERE s.user_id = p_user_id"

ISOLATED = (
    tenant.isolation("partner.orgs"),
    tenant.isolation("partner.partners"),
    tenant.isolation("partner.memberships", reader="user_id"),
    tenant.isolation("partner.courses"),
    tenant.isolation("partner.classes"),
    tenant.isolation("partner.invite_codes", proof="code_hash"),
    tenant.isolation("partner.students", reader="user_id"),
    tenant.isolation("partner.enrollments"),
    tenant.isolation("org_partner.refused_redemptions", org=None, user="user_id"),
)


def upgrade() -> None:
    op.create_table(
        "revocations",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("least_epoch", sa.Integer(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_revocations")),
        schema="org_partner",
    )
    op.create_index(
        op.f("ix_revocations_revoked_at"), "revocations", ["revoked_at"], unique=False, schema="org_partner"
    )
    op.create_table(
        "platform_settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_platform_settings")),
        schema="org_partner",
    )
    op.create_table(
        "request_counts",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "minute", name=op.f("pk_request_counts")),
        schema="org_partner",
        prefixes=["UNLOGGED"],
    )
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO org_partner")
    op.execute(tenant.enter_function("org_partner", ORGS_OF_USER))
    for statements in ISOLATED:
        for statement in statements:
            op.execute(statement)


def downgrade() -> None:
    for table in (
        "partner.orgs",
        "partner.partners",
        "partner.memberships",
        "partner.courses",
        "partner.classes",
        "partner.invite_codes",
        "partner.students",
        "partner.enrollments",
        "org_partner.refused_redemptions",
    ):
        op.execute(f"DROP POLICY tenant ON {table}")
        op.execute(f"DROP POLICY IF EXISTS own ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION org_partner.enter_tenant")
    op.drop_table("request_counts", schema="org_partner")
    op.drop_table("platform_settings", schema="org_partner")
    op.drop_index(op.f("ix_revocations_revoked_at"), table_name="revocations", schema="org_partner")
    op.drop_table("revocations", schema="org_partner")
