"""conversations messages and projections"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GRANTS = {
    "rag.outbox": "SELECT, INSERT, UPDATE, DELETE",
    "rag.inbox": "SELECT, INSERT, DELETE",
    "rag.dead_letters": "SELECT, INSERT, UPDATE",
    '"user".conversations': "SELECT, INSERT, UPDATE, DELETE",
    '"user".messages': "SELECT, INSERT, UPDATE, DELETE",
    "rag.documents": "SELECT, INSERT, UPDATE",
    "rag.memberships": "SELECT, INSERT, UPDATE",
    "rag.classes": "SELECT, INSERT, UPDATE",
    "rag.vector_reads": "SELECT, INSERT",
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
        schema="rag",
    )
    op.create_index("ix_classes_org_id_partner_id", "classes", ["org_id", "partner_id"], unique=False, schema="rag")
    op.create_index("ix_classes_partner_id", "classes", ["partner_id"], unique=False, schema="rag")
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
        schema="rag",
    )
    op.create_table(
        "documents",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_documents")),
        schema="rag",
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
        schema="rag",
    )
    op.create_index("ix_inbox_processed_at", "inbox", ["processed_at"], unique=False, schema="rag")
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
        schema="rag",
    )
    op.create_index("ix_memberships_partner_id", "memberships", ["partner_id"], unique=False, schema="rag")
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"], unique=False, schema="rag")
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
        schema="rag",
    )
    op.create_index("ix_outbox_published_at", "outbox", ["published_at"], unique=False, schema="rag")
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["id"],
        unique=False,
        schema="rag",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "vector_reads",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("switch_id", sa.Uuid(), nullable=False),
        sa.Column("rule", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("switched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_vector_reads")),
        schema="rag",
    )
    op.create_table(
        "conversations",
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("class_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("document_ids", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_conversations")),
        schema="user",
    )
    op.create_index(
        "ix_conversations_user_id_created_at",
        "conversations",
        ["user_id", sa.literal_column("created_at DESC")],
        unique=False,
        schema="user",
    )
    op.create_table(
        "messages",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column(
            "citations", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column(
            "embeddings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("input_tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("output_tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_token_ms", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("role IN ('user', 'assistant')", name=op.f("ck_messages_role")),
        sa.CheckConstraint(
            "state IN ('answering', 'completed', 'cancelled', 'failed')", name=op.f("ck_messages_state")
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["user.conversations.conversation_id"],
            name=op.f("fk_messages_conversation_id_conversations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_messages")),
        schema="user",
    )
    op.create_index(
        "ix_messages_conversation_id_created_at",
        "messages",
        ["conversation_id", sa.literal_column("created_at DESC")],
        unique=False,
        schema="user",
    )
    op.create_index(
        "uq_messages_answering",
        "messages",
        ["conversation_id"],
        unique=True,
        schema="user",
        postgresql_where=sa.text("state = 'answering'"),
    )
    # The service's role gets its own tables and nothing else; what is not granted here is refused.
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO rag")


def downgrade() -> None:
    op.drop_index(
        "uq_messages_answering", table_name="messages", schema="user", postgresql_where=sa.text("state = 'answering'")
    )
    op.drop_index("ix_messages_conversation_id_created_at", table_name="messages", schema="user")
    op.drop_table("messages", schema="user")
    op.drop_index("ix_conversations_user_id_created_at", table_name="conversations", schema="user")
    op.drop_table("conversations", schema="user")
    op.drop_table("vector_reads", schema="rag")
    op.drop_index(
        "ix_outbox_unpublished", table_name="outbox", schema="rag", postgresql_where=sa.text("published_at IS NULL")
    )
    op.drop_index("ix_outbox_published_at", table_name="outbox", schema="rag")
    op.drop_table("outbox", schema="rag")
    op.drop_index("ix_memberships_user_id", table_name="memberships", schema="rag")
    op.drop_index("ix_memberships_partner_id", table_name="memberships", schema="rag")
    op.drop_table("memberships", schema="rag")
    op.drop_index("ix_inbox_processed_at", table_name="inbox", schema="rag")
    op.drop_table("inbox", schema="rag")
    op.drop_table("documents", schema="rag")
    op.drop_table("dead_letters", schema="rag")
    op.drop_index("ix_classes_partner_id", table_name="classes", schema="rag")
    op.drop_index("ix_classes_org_id_partner_id", table_name="classes", schema="rag")
    op.drop_table("classes", schema="rag")
