"""tenants in full"""

import sqlalchemy as sa
from alembic import op

from chassis import tenant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

GRANTS = {
    "partner.orgs": "UPDATE",
    "partner.partners": "UPDATE",
    "partner.memberships": "UPDATE",
    "org_partner.users": "UPDATE",
    "partner.org_domains": "SELECT, INSERT, DELETE",
    # Deleted with the account of whoever was invited, or invited others.
    "partner.invitations": "SELECT, INSERT, UPDATE, DELETE",
}

MEMBERSHIPS = "SELECT m.org_id FROM partner.memberships m WHERE m.user_id = p_user_id"
STUDENTS = "SELECT s.org_id FROM partner.students s WHERE s.user_id = p_user_id"
ORGS_OF_USER = f"{MEMBERSHIPS} UNION {STUDENTS}"
# A role that was taken away opens no org any more.
ORGS_OF_USER_NOW = f"{MEMBERSHIPS} AND m.revoked_at IS NULL UNION {STUDENTS}"

ISOLATED = (tenant.isolation("partner.org_domains"), tenant.isolation("partner.invitations", proof="token_hash"))


def upgrade() -> None:
    op.add_column("orgs", sa.Column("status", sa.Text(), server_default="active", nullable=False), schema="partner")
    op.add_column("orgs", sa.Column("status_reason", sa.Text(), nullable=True), schema="partner")
    op.add_column(
        "orgs",
        sa.Column("members_only_from_domains", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="partner",
    )
    op.create_check_constraint(
        op.f("ck_orgs_status"), "orgs", "status IN ('active', 'suspended', 'closed')", schema="partner"
    )
    op.add_column("partners", sa.Column("status", sa.Text(), server_default="active", nullable=False), schema="partner")
    op.add_column("partners", sa.Column("status_reason", sa.Text(), nullable=True), schema="partner")
    op.create_check_constraint(
        op.f("ck_partners_status"), "partners", "status IN ('active', 'suspended')", schema="partner"
    )
    op.add_column("memberships", sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True), schema="partner")
    op.create_index(
        op.f("ix_memberships_org_id_granted_at_membership_id"),
        "memberships",
        ["org_id", "granted_at", "membership_id"],
        unique=False,
        schema="partner",
    )
    _point_memberships_at_partners(onupdate="CASCADE")
    _know_users_as_they_are_now()
    _create_org_domains()
    _create_invitations()
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO org_partner")
    op.execute(tenant.enter_function("org_partner", ORGS_OF_USER_NOW))
    for statements in ISOLATED:
        for statement in statements:
            op.execute(statement)


def _point_memberships_at_partners(*, onupdate: str | None) -> None:
    """A partner that moves to another org takes its staff along."""
    name = op.f("fk_memberships_org_id_partners")
    op.drop_constraint(name, "memberships", schema="partner", type_="foreignkey")
    op.create_foreign_key(
        name,
        "memberships",
        "partners",
        ["org_id", "partner_id"],
        ["org_id", "partner_id"],
        source_schema="partner",
        referent_schema="partner",
        onupdate=onupdate,
    )


def _know_users_as_they_are_now() -> None:
    op.add_column(
        "users", sa.Column("status", sa.Text(), server_default="active", nullable=False), schema="org_partner"
    )
    op.add_column("users", sa.Column("version", sa.Integer(), server_default="1", nullable=False), schema="org_partner")
    op.add_column("users", sa.Column("told_at", sa.DateTime(timezone=True), nullable=True), schema="org_partner")
    op.execute("UPDATE org_partner.users SET told_at = registered_at")
    op.alter_column("users", "told_at", nullable=False, schema="org_partner")
    op.drop_column("users", "registered_at", schema="org_partner")
    for column in ("email", "display_name"):
        op.alter_column("users", column, existing_type=sa.Text(), nullable=True, schema="org_partner")


def _create_org_domains() -> None:
    op.create_table(
        "org_domains",
        sa.Column("domain_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("domain = lower(domain)", name=op.f("ck_org_domains_lower")),
        sa.ForeignKeyConstraint(["org_id"], ["partner.orgs.org_id"], name=op.f("fk_org_domains_org_id_orgs")),
        sa.PrimaryKeyConstraint("domain_id", name=op.f("pk_org_domains")),
        sa.UniqueConstraint("domain", name=op.f("uq_org_domains_domain")),
        schema="partner",
    )
    op.create_index(op.f("ix_org_domains_org_id"), "org_domains", ["org_id"], unique=False, schema="partner")


def _create_invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("invitation_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("(accepted_at IS NULL) = (accepted_by IS NULL)", name=op.f("ck_invitations_accepted")),
        sa.CheckConstraint("locale IN ('ko', 'en')", name=op.f("ck_invitations_locale")),
        sa.CheckConstraint(
            "CASE WHEN partner_id IS NULL THEN role = 'org_admin' ELSE role IN ('partner_owner', 'instructor', 'assistant') END",
            name=op.f("ck_invitations_role_fits_scope"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "partner_id"],
            ["partner.partners.org_id", "partner.partners.partner_id"],
            name=op.f("fk_invitations_org_id_partners"),
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(["org_id"], ["partner.orgs.org_id"], name=op.f("fk_invitations_org_id_orgs")),
        sa.PrimaryKeyConstraint("invitation_id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
        schema="partner",
    )
    op.create_index(
        op.f("ix_invitations_org_id_created_at_invitation_id"),
        "invitations",
        ["org_id", "created_at", "invitation_id"],
        unique=False,
        schema="partner",
    )
    op.create_index(op.f("ix_invitations_email"), "invitations", ["email"], unique=False, schema="partner")
    op.create_index(
        "uq_invitations_pending",
        "invitations",
        ["org_id", "partner_id", "email"],
        unique=True,
        schema="partner",
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("accepted_at IS NULL AND revoked_at IS NULL"),
    )


def downgrade() -> None:
    op.execute(tenant.enter_function("org_partner", ORGS_OF_USER))
    op.drop_table("invitations", schema="partner")
    op.drop_table("org_domains", schema="partner")
    _know_users_as_they_registered()
    _point_memberships_at_partners(onupdate=None)
    op.drop_index(op.f("ix_memberships_org_id_granted_at_membership_id"), table_name="memberships", schema="partner")
    # What had ended would come back to life without the mark. Rows are seen behind the wall by the platform alone.
    op.execute("SELECT set_config('app.platform', 'on', true)")
    op.execute("DELETE FROM partner.memberships WHERE revoked_at IS NOT NULL")
    op.drop_column("memberships", "revoked_at", schema="partner")
    op.drop_constraint(op.f("ck_partners_status"), "partners", schema="partner", type_="check")
    op.drop_constraint(op.f("ck_orgs_status"), "orgs", schema="partner", type_="check")
    for table, column in (
        ("partners", "status_reason"),
        ("partners", "status"),
        ("orgs", "members_only_from_domains"),
        ("orgs", "status_reason"),
        ("orgs", "status"),
    ):
        op.drop_column(table, column, schema="partner")
    for table in ("partner.orgs", "partner.partners", "partner.memberships", "org_partner.users"):
        op.execute(f"REVOKE UPDATE ON {table} FROM org_partner")


def _know_users_as_they_registered() -> None:
    op.add_column("users", sa.Column("registered_at", sa.DateTime(timezone=True), nullable=True), schema="org_partner")
    op.execute("DELETE FROM org_partner.users WHERE email IS NULL OR display_name IS NULL")
    op.execute("UPDATE org_partner.users SET registered_at = told_at")
    op.alter_column("users", "registered_at", nullable=False, schema="org_partner")
    for column in ("email", "display_name"):
        op.alter_column("users", column, existing_type=sa.Text(), nullable=False, schema="org_partner")
    for column in ("told_at", "version", "status"):
        op.drop_column("users", column, schema="org_partner")
