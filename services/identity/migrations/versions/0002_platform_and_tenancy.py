"""platform settings, letters, request counts and tenancy"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis import tenant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GRANTS = {
    "supervisor.platform_setting": "SELECT, INSERT, UPDATE",
    "identity.mails": "SELECT, INSERT, UPDATE, DELETE",
    "identity.request_counts": "SELECT, INSERT, UPDATE, DELETE",
    "identity.memberships": "SELECT, INSERT, UPDATE",
    "identity.classes": "SELECT, INSERT, UPDATE",
    "identity.tenants": "SELECT, INSERT, UPDATE",
}

ORGS_OF_USER = "SELECT m.org_id FROM identity.memberships m WHERE m.user_id = p_user_id AND m.is_active"

ISOLATED = (
    tenant.isolation("identity.memberships", reader="user_id"),
    tenant.isolation("identity.classes"),
    tenant.isolation("identity.tenants"),
)


def upgrade() -> None:
    op.create_table(
        "platform_setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("setting_id", sa.Uuid(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_platform_setting")),
        sa.UniqueConstraint("setting_id", name=op.f("uq_platform_setting_setting_id")),
        schema="supervisor",
    )
    op.create_table(
        "mails",
        sa.Column("mail_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("mail_id", name=op.f("pk_mails")),
        schema="identity",
    )
    op.create_index(op.f("ix_mails_next_try_at"), "mails", ["next_try_at"], unique=False, schema="identity")
    op.create_table(
        "request_counts",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "minute", name=op.f("pk_request_counts")),
        schema="identity",
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "classes",
        sa.Column("class_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("class_id", name=op.f("pk_classes")),
        schema="identity",
    )
    op.create_index(
        "ix_classes_org_id_partner_id", "classes", ["org_id", "partner_id"], unique=False, schema="identity"
    )
    op.create_index("ix_classes_partner_id", "classes", ["partner_id"], unique=False, schema="identity")
    op.create_table(
        "memberships",
        sa.Column("membership_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("class_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("membership_id", name=op.f("pk_memberships")),
        schema="identity",
    )
    op.create_index("ix_memberships_partner_id", "memberships", ["partner_id"], unique=False, schema="identity")
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"], unique=False, schema="identity")
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenants")),
        schema="identity",
    )
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO identity")
    op.execute(tenant.enter_function("identity", ORGS_OF_USER))
    for statements in ISOLATED:
        for statement in statements:
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION identity.enter_tenant")
    for table in ("tenants", "memberships", "classes", "request_counts", "mails"):
        op.drop_table(table, schema="identity")
    op.drop_table("platform_setting", schema="supervisor")
