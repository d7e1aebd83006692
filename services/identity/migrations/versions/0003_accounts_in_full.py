"""accounts in full"""

import sqlalchemy as sa
from alembic import op

from chassis import tenant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

GRANTS = {
    '"user".app_user': "UPDATE",
    "identity.credentials": "DELETE",
    "identity.account_tokens": "SELECT, INSERT, UPDATE, DELETE",
    "identity.sign_up_invitations": "SELECT, INSERT, UPDATE, DELETE",
    "identity.tenant_invitations": "SELECT, INSERT, UPDATE, DELETE",
    "identity.attempts": "SELECT, INSERT, UPDATE, DELETE",
}


def upgrade() -> None:
    _change_accounts()
    op.create_table(
        "account_tokens",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "purpose IN ('verify_email', 'change_email', 'reset_password')", name=op.f("ck_account_tokens_purpose")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.app_user.user_id"], name=op.f("fk_account_tokens_user_id_app_user")
        ),
        sa.PrimaryKeyConstraint("user_id", "purpose", name=op.f("pk_account_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_account_tokens_digest")),
        schema="identity",
    )
    op.create_index(op.f("ix_account_tokens_expires_at"), "account_tokens", ["expires_at"], schema="identity")
    _create_invitations()
    op.create_table(
        "attempts",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "minute", name=op.f("pk_attempts")),
        schema="identity",
        prefixes=["UNLOGGED"],
    )
    op.create_index(op.f("ix_attempts_minute"), "attempts", ["minute"], schema="identity")
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO identity")


def _change_accounts() -> None:
    op.add_column("app_user", sa.Column("version", sa.Integer(), server_default="1", nullable=False), schema="user")
    for name in ("email_verified_at", "deactivated_at", "anonymised_at", "last_login_at"):
        op.add_column("app_user", sa.Column(name, sa.DateTime(timezone=True), nullable=True), schema="user")
    op.add_column("credentials", sa.Column("network", sa.Text(), nullable=True), schema="identity")
    op.drop_constraint(op.f("ck_app_user_status"), "app_user", schema="user")
    op.create_check_constraint(
        op.f("ck_app_user_status"),
        "app_user",
        "status IN ('active', 'deactivated', 'suspended', 'anonymised')",
        schema="user",
    )
    for name in ("ip", "network"):
        op.add_column("sessions", sa.Column(name, sa.Text(), nullable=True), schema="identity")
    op.add_column(
        "sessions",
        sa.Column("last_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        schema="identity",
    )


def _create_invitations() -> None:
    op.create_table(
        "sign_up_invitations",
        sa.Column("invitation_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["user.app_user.user_id"], name=op.f("fk_sign_up_invitations_invited_by_app_user")
        ),
        sa.PrimaryKeyConstraint("invitation_id", name=op.f("pk_sign_up_invitations")),
        sa.UniqueConstraint("digest", name=op.f("uq_sign_up_invitations_digest")),
        schema="identity",
    )
    op.create_index(
        "uq_sign_up_invitations_open_email",
        "sign_up_invitations",
        ["email"],
        unique=True,
        schema="identity",
        postgresql_where=sa.text("used_at IS NULL"),
    )
    op.create_index(
        "ix_sign_up_invitations_created_at_invitation_id",
        "sign_up_invitations",
        ["created_at", "invitation_id"],
        schema="identity",
    )
    op.create_index(op.f("ix_sign_up_invitations_expires_at"), "sign_up_invitations", ["expires_at"], schema="identity")
    op.create_table(
        "tenant_invitations",
        sa.Column("invitation_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("address_digest", sa.LargeBinary(), nullable=True),
        sa.Column("token_digest", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("invitation_id", name=op.f("pk_tenant_invitations")),
        schema="identity",
    )
    for column in ("address_digest", "noted_at"):
        op.create_index(op.f(f"ix_tenant_invitations_{column}"), "tenant_invitations", [column], schema="identity")
    for statement in tenant.isolation("identity.tenant_invitations", proof="address_digest"):
        op.execute(statement)


def downgrade() -> None:
    for table in ("attempts", "tenant_invitations", "sign_up_invitations", "account_tokens"):
        op.drop_table(table, schema="identity")
    op.execute("REVOKE DELETE ON identity.credentials FROM identity")
    op.execute('REVOKE UPDATE ON "user".app_user FROM identity')
    for name in ("last_used_at", "network", "ip"):
        op.drop_column("sessions", name, schema="identity")
    op.drop_column("credentials", "network", schema="identity")
    # Whoever had left of their own accord stays locked out, in the nearest word that there was.
    op.execute("""UPDATE "user".app_user SET status = 'suspended' WHERE status = 'deactivated'""")
    op.drop_constraint(op.f("ck_app_user_status"), "app_user", schema="user")
    op.create_check_constraint(
        op.f("ck_app_user_status"), "app_user", "status IN ('active', 'suspended', 'anonymised')", schema="user"
    )
    for name in ("last_login_at", "anonymised_at", "deactivated_at", "email_verified_at", "version"):
        op.drop_column("app_user", name, schema="user")
