"""second factors, OpenID logins and API keys"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

GRANTS = {
    "identity.totp_factors": "SELECT, INSERT, UPDATE, DELETE",
    "identity.recovery_codes": "SELECT, INSERT, UPDATE, DELETE",
    "identity.mfa_challenges": "SELECT, INSERT, DELETE",
    "identity.linked_identities": "SELECT, INSERT, UPDATE, DELETE",
    "identity.oidc_logins": "SELECT, INSERT, DELETE",
    "identity.api_keys": "SELECT, INSERT, UPDATE",
}


def upgrade() -> None:
    op.add_column("sessions", sa.Column("restricted_to", sa.Text(), nullable=True), schema="identity")
    op.create_table(
        "totp_factors",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.app_user.user_id"], name=op.f("fk_totp_factors_user_id_app_user")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_totp_factors")),
        schema="identity",
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.app_user.user_id"], name=op.f("fk_recovery_codes_user_id_app_user")
        ),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name=op.f("pk_recovery_codes")),
        schema="identity",
    )
    op.create_table(
        "mfa_challenges",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_epoch", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.app_user.user_id"], name=op.f("fk_mfa_challenges_user_id_app_user")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_mfa_challenges")),
        schema="identity",
    )
    op.create_index(op.f("ix_mfa_challenges_user_id"), "mfa_challenges", ["user_id"], unique=False, schema="identity")
    op.create_index(
        op.f("ix_mfa_challenges_expires_at"), "mfa_challenges", ["expires_at"], unique=False, schema="identity"
    )
    op.create_table(
        "linked_identities",
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.app_user.user_id"], name=op.f("fk_linked_identities_user_id_app_user")
        ),
        sa.PrimaryKeyConstraint("identity_id", name=op.f("pk_linked_identities")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_linked_identities_issuer_subject")),
        schema="identity",
    )
    op.create_index(
        op.f("ix_linked_identities_user_id_linked_at"),
        "linked_identities",
        ["user_id", "linked_at"],
        unique=False,
        schema="identity",
    )
    op.create_table(
        "oidc_logins",
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("login_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_oidc_logins")),
        schema="identity",
    )
    op.create_index(op.f("ix_oidc_logins_expires_at"), "oidc_logins", ["expires_at"], unique=False, schema="identity")
    op.create_table(
        "api_keys",
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.app_user.user_id"], name=op.f("fk_api_keys_user_id_app_user")),
        sa.PrimaryKeyConstraint("api_key_id", name=op.f("pk_api_keys")),
        schema="identity",
    )
    op.create_index(
        op.f("ix_api_keys_user_id_created_at"), "api_keys", ["user_id", "created_at"], unique=False, schema="identity"
    )
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO identity")


def downgrade() -> None:
    for table in (
        "api_keys",
        "oidc_logins",
        "linked_identities",
        "mfa_challenges",
        "recovery_codes",
        "totp_factors",
    ):
        op.drop_table(table, schema="identity")
    op.drop_column("sessions", "restricted_to", schema="identity")
