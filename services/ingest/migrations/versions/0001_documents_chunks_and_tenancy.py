"""documents chunks and tenancy"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GRANTS = {
    "ingest.outbox": "SELECT, INSERT, UPDATE, DELETE",
    "ingest.inbox": "SELECT, INSERT, DELETE",
    "ingest.dead_letters": "SELECT, INSERT, UPDATE",
    '"user".documents': "SELECT, INSERT, UPDATE",
    '"user".chunks': "SELECT, INSERT, UPDATE, DELETE",
    "ingest.memberships": "SELECT, INSERT, UPDATE",
    "ingest.classes": "SELECT, INSERT, UPDATE",
}


def upgrade() -> None:
    op.create_table(
        "classes",
        sa.Column("class_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("class_id", name=op.f("pk_classes")),
        schema="ingest",
    )
    op.create_index("ix_classes_org_id_partner_id", "classes", ["org_id", "partner_id"], unique=False, schema="ingest")
    op.create_index("ix_classes_partner_id", "classes", ["partner_id"], unique=False, schema="ingest")
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("stream_seq", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("buried_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("redrive_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        schema="ingest",
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
        schema="ingest",
    )
    op.create_index("ix_inbox_processed_at", "inbox", ["processed_at"], unique=False, schema="ingest")
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
        schema="ingest",
    )
    op.create_index("ix_memberships_partner_id", "memberships", ["partner_id"], unique=False, schema="ingest")
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"], unique=False, schema="ingest")
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "headers", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("event_id", name=op.f("uq_outbox_event_id")),
        schema="ingest",
    )
    op.create_index("ix_outbox_published_at", "outbox", ["published_at"], unique=False, schema="ingest")
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["id"],
        unique=False,
        schema="ingest",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "documents",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("class_id", sa.Uuid(), nullable=True),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=True),
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="uploaded", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "reason_values",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("page_count", sa.Integer(), nullable=True),
        sa.Column("chunk_count", sa.Integer(), nullable=True),
        sa.Column("chunks_embedded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claim_id", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tokens_billed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("receipt", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('uploaded', 'validating', 'parsing', 'chunking', 'embedding', 'ready', 'rejected', 'failed', 'cancelled', 'deleting', 'deleted')",
            name=op.f("ck_documents_state"),
        ),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_documents")),
        schema="user",
    )
    op.create_index(op.f("ix_documents_class_id"), "documents", ["class_id"], unique=False, schema="user")
    op.create_index(
        "ix_documents_owner_id_created_at",
        "documents",
        ["owner_id", sa.literal_column("created_at DESC")],
        unique=False,
        schema="user",
    )
    op.create_index("ix_documents_scopes", "documents", ["scopes"], unique=False, schema="user", postgresql_using="gin")
    op.create_index(
        "ix_documents_unfinished",
        "documents",
        ["updated_at"],
        unique=False,
        schema="user",
        postgresql_where=sa.text("state IN ('uploaded','validating','parsing','chunking','embedding','deleting')"),
    )
    op.create_index("uq_documents_dedupe_key", "documents", ["dedupe_key"], unique=True, schema="user")
    op.create_table(
        "chunks",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("chunk_id", sa.Uuid(), nullable=False),
        sa.Column("page_from", sa.Integer(), nullable=False),
        sa.Column("page_to", sa.Integer(), nullable=False),
        sa.Column("char_start", sa.Integer(), nullable=False),
        sa.Column("char_end", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("headings", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("context", sa.Text(), server_default="", nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=True),
        sa.Column("tokens", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["user.documents.document_id"], name=op.f("fk_chunks_document_id_documents")
        ),
        sa.PrimaryKeyConstraint("document_id", "ordinal", name=op.f("pk_chunks")),
        sa.UniqueConstraint("chunk_id", name=op.f("uq_chunks_chunk_id")),
        schema="user",
    )
    # The service's role gets its own tables and nothing else; what is not granted here is refused.
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO ingest")


def downgrade() -> None:
    op.drop_table("chunks", schema="user")
    op.drop_index("uq_documents_dedupe_key", table_name="documents", schema="user")
    op.drop_index(
        "ix_documents_unfinished",
        table_name="documents",
        schema="user",
        postgresql_where=sa.text("state IN ('uploaded','validating','parsing','chunking','embedding','deleting')"),
    )
    op.drop_index("ix_documents_scopes", table_name="documents", schema="user", postgresql_using="gin")
    op.drop_index("ix_documents_owner_id_created_at", table_name="documents", schema="user")
    op.drop_index(op.f("ix_documents_class_id"), table_name="documents", schema="user")
    op.drop_table("documents", schema="user")
    op.drop_index(
        "ix_outbox_unpublished", table_name="outbox", schema="ingest", postgresql_where=sa.text("published_at IS NULL")
    )
    op.drop_index("ix_outbox_published_at", table_name="outbox", schema="ingest")
    op.drop_table("outbox", schema="ingest")
    op.drop_index("ix_memberships_user_id", table_name="memberships", schema="ingest")
    op.drop_index("ix_memberships_partner_id", table_name="memberships", schema="ingest")
    op.drop_table("memberships", schema="ingest")
    op.drop_index("ix_inbox_processed_at", table_name="inbox", schema="ingest")
    op.drop_table("inbox", schema="ingest")
    op.drop_table("dead_letters", schema="ingest")
    op.drop_index("ix_classes_partner_id", table_name="classes", schema="ingest")
    op.drop_index("ix_classes_org_id_partner_id", table_name="classes", schema="ingest")
    op.drop_table("classes", schema="ingest")
