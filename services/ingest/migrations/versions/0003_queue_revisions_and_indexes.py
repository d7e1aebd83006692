"""queue, revisions and indexes"""

import os

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis import tenant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

GRANTS = {
    '"user".chunk_embeddings': "SELECT, INSERT",
    "ingest.turns": "SELECT, INSERT, UPDATE, DELETE",
    "ingest.vector_indexes": "SELECT, INSERT, UPDATE",
    "ingest.vector_migrations": "SELECT, INSERT, UPDATE",
    "ingest.vector_checks": "SELECT, INSERT, UPDATE",
    "ingest.read_rules": "SELECT, INSERT, UPDATE",
    "ingest.document_indexes": "SELECT, INSERT, UPDATE",
    "ingest.shelves": "SELECT, INSERT, UPDATE, DELETE",
}

# The wall between tenants stands before the tables' owner too, who would else move no row.
EVERY_ROW = "SELECT set_config('app.platform', 'on', true)"
WORKING = "state IN ('uploaded','validating','parsing','chunking','embedding')"
IS_LARGE = sa.literal_column("((size_bytes > 1048576)::integer)")
LIVING = "state NOT IN ('rejected','failed','cancelled','deleting','deleted')"

EMBEDDED = '"user".documents d WHERE d.document_id = chunk_embeddings.document_id'
OWN_EMBEDDED = f"""{EMBEDDED} AND (
    d.owner_id = (SELECT nullif(current_setting('app.user', true), '')::uuid)
    OR d.org_id = ANY ((SELECT string_to_array(nullif(current_setting('app.orgs', true), ''), ',')::uuid[])::uuid[]))"""
INDEXED = '"user".documents d WHERE d.document_id = document_indexes.document_id'

ISOLATED = (
    tenant.isolation('"user".chunk_embeddings', org=None, through=OWN_EMBEDDED),
    tenant.isolation("ingest.document_indexes", org=None, through=INDEXED),
    tenant.isolation("ingest.shelves", user="owner_id"),
)
COLUMNS = (
    sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
    sa.Column("live_revision", sa.Integer(), nullable=True),
    sa.Column("live", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column("refused", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column("recipe", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column("pages_read", sa.Integer(), server_default="0", nullable=False),
    sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
    sa.Column("queued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    sa.Column("waits_for", sa.Text(), nullable=True),
    sa.Column("waits_since", sa.DateTime(timezone=True), nullable=True),
    sa.Column("waits_until", sa.DateTime(timezone=True), nullable=True),
)


def upgrade() -> None:
    op.execute(EVERY_ROW)
    _documents()
    _chunks()
    _indexes()
    _migrations()
    _shares()
    op.create_table(
        "turns",
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken", sa.Float(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("holder_id", name=op.f("pk_turns")),
        schema="ingest",
    )
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO ingest")
    for statements in ISOLATED:
        for statement in statements:
            op.execute(statement)


def _documents() -> None:
    for column in COLUMNS:
        op.add_column("documents", column.copy(), schema="user")
    op.drop_index("ix_documents_unfinished", table_name="documents", schema="user")
    op.drop_index("ix_documents_behind", table_name="documents", schema="user")
    op.drop_index("uq_documents_dedupe_key", table_name="documents", schema="user")
    op.drop_column("documents", "indexed_version", schema="user")
    op.create_index(
        "uq_documents_dedupe_key",
        "documents",
        ["dedupe_key"],
        unique=True,
        schema="user",
        postgresql_where=sa.text(LIVING),
    )
    op.create_index(
        "ix_documents_waiting",
        "documents",
        ["owner_id", IS_LARGE, sa.literal_column("(waits_until IS NULL)"), "queued_at"],
        unique=False,
        schema="user",
        postgresql_where=sa.text(WORKING),
    )
    op.create_index(
        "ix_documents_put_off",
        "documents",
        ["owner_id", IS_LARGE, "waits_until"],
        unique=False,
        schema="user",
        postgresql_where=sa.text(f"{WORKING} AND waits_until IS NOT NULL"),
    )
    op.create_index(
        "ix_documents_deleting",
        "documents",
        ["updated_at"],
        unique=False,
        schema="user",
        postgresql_where=sa.text("state = 'deleting'"),
    )
    op.execute("""UPDATE "user".documents SET live_revision = 1 WHERE state = 'ready'""")


def _chunks() -> None:
    op.add_column("chunks", sa.Column("revision", sa.Integer(), server_default="1", nullable=False), schema="user")
    op.add_column("chunks", sa.Column("terms", postgresql.ARRAY(sa.Text()), nullable=True), schema="user")
    op.alter_column("chunks", "revision", server_default=None, schema="user")
    op.drop_constraint("pk_chunks", "chunks", schema="user")
    op.create_primary_key("pk_chunks", "chunks", ["document_id", "revision", "ordinal"], schema="user")
    op.create_table(
        "chunk_embeddings",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("content_key", sa.LargeBinary(), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id", "revision", "ordinal"],
            ["user.chunks.document_id", "user.chunks.revision", "user.chunks.ordinal"],
            name=op.f("fk_chunk_embeddings_document_id_chunks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("document_id", "revision", "ordinal", "model", name=op.f("pk_chunk_embeddings")),
        schema="user",
    )
    op.create_index(
        "ix_chunk_embeddings_content_key", "chunk_embeddings", ["content_key", "model"], unique=False, schema="user"
    )
    _keep_embeddings()
    op.drop_column("chunks", "embedding", schema="user")
    op.drop_column("chunks", "tokens", schema="user")


def _keep_embeddings() -> None:
    """Under the model of the settings, which was the only one until now; by the key of what was embedded: see
    `ingest.service.embedding.content_key` and `Chunk.said`.
    """
    keep = sa.text("""
        INSERT INTO "user".chunk_embeddings (document_id, revision, ordinal, model, content_key, embedding, tokens)
        SELECT c.document_id, 1, c.ordinal, :model,
            sha256(uuid_send(coalesce(d.org_id, d.owner_id)) || convert_to(
                CASE WHEN c.context = '' THEN c.text ELSE c.context || E'\\n' || c.text END, 'UTF8')),
            c.embedding, c.tokens
        FROM "user".chunks c JOIN "user".documents d USING (document_id) WHERE c.embedding IS NOT NULL
    """)
    op.execute(keep.bindparams(model=os.environ.get("EMBEDDING_MODEL") or "multilingual-e5-small"))


def _indexes() -> None:
    op.create_table(
        "vector_indexes",
        sa.Column("index_id", sa.Text(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("is_written", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("is_primary", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_read", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_paused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_made", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("index_id", name=op.f("pk_vector_indexes")),
        schema="ingest",
    )
    op.create_index(
        "uq_vector_indexes_is_primary",
        "vector_indexes",
        ["is_primary"],
        unique=True,
        schema="ingest",
        postgresql_where=sa.text("is_primary"),
    )
    op.create_table(
        "document_indexes",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("index_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["document_id"], ["user.documents.document_id"], name=op.f("fk_document_indexes_document_id_documents")
        ),
        sa.ForeignKeyConstraint(
            ["index_id"], ["ingest.vector_indexes.index_id"], name=op.f("fk_document_indexes_index_id_vector_indexes")
        ),
        sa.PrimaryKeyConstraint("document_id", "index_id", name=op.f("pk_document_indexes")),
        schema="ingest",
    )
    op.create_index(
        "ix_document_indexes_due_at",
        "document_indexes",
        ["index_id", "due_at"],
        unique=False,
        schema="ingest",
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )


def _migrations() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "vector_migrations",
        sa.Column("migration_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), server_default="planned", nullable=False),
        sa.Column("is_paused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("rate", sa.Integer(), server_default="50", nullable=False),
        sa.Column("marked_to", sa.Uuid(), nullable=True),
        sa.Column("all_read", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("org_ids", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'::uuid[]"), nullable=False),
        sa.Column("share", sa.Integer(), server_default="0", nullable=False),
        sa.Column("shadow_share", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "shadow",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("backup", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", moment, nullable=True),
        sa.Column("filled_at", moment, nullable=True),
        sa.Column("switched_at", moment, nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        sa.Column("leased_until", moment, nullable=True),
        sa.CheckConstraint(
            "stage IN ('planned', 'backfilling', 'filled', 'finalised', 'dropping', 'dropped', 'restoring', 'cancelled')",
            name=op.f("ck_vector_migrations_stage"),
        ),
        sa.CheckConstraint("share BETWEEN 0 AND 100", name=op.f("ck_vector_migrations_share")),
        sa.CheckConstraint("shadow_share BETWEEN 0 AND 100", name=op.f("ck_vector_migrations_shadow_share")),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["ingest.vector_indexes.index_id"],
            name=op.f("fk_vector_migrations_source_id_vector_indexes"),
        ),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["ingest.vector_indexes.index_id"],
            name=op.f("fk_vector_migrations_target_id_vector_indexes"),
        ),
        sa.PrimaryKeyConstraint("migration_id", name=op.f("pk_vector_migrations")),
        schema="ingest",
    )
    op.create_index(
        op.f("ix_vector_migrations_created_at"), "vector_migrations", ["created_at"], unique=False, schema="ingest"
    )
    op.create_table(
        "vector_checks",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("migration_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.Text(), server_default="asked", nullable=False),
        sa.Column("progress", sa.Float(), server_default="0", nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("began_at", moment, nullable=True),
        sa.Column("noted_at", moment, nullable=True),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.CheckConstraint("verdict IN ('asked', 'running', 'green', 'red')", name=op.f("ck_vector_checks_verdict")),
        sa.ForeignKeyConstraint(
            ["migration_id"],
            ["ingest.vector_migrations.migration_id"],
            name=op.f("fk_vector_checks_migration_id_vector_migrations"),
        ),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_vector_checks")),
        schema="ingest",
    )
    op.create_index(
        op.f("ix_vector_checks_migration_id_created_at"),
        "vector_checks",
        ["migration_id", "created_at"],
        unique=False,
        schema="ingest",
    )
    op.create_table(
        "read_rules",
        sa.Column("row_id", sa.Integer(), autoincrement=False, server_default="1", nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "rule", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.CheckConstraint("row_id = 1", name=op.f("ck_read_rules_row_id")),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_read_rules")),
        schema="ingest",
    )


def _shares() -> None:
    """What a document is open to besides classes. Policies and rights go with the table and its columns."""
    op.rename_table("document_classes", "document_shares", schema="ingest")
    op.alter_column("document_shares", "class_id", new_column_name="target_id", schema="ingest")
    op.add_column(
        "document_shares", sa.Column("kind", sa.Text(), server_default="class", nullable=False), schema="ingest"
    )
    _rename_keys("document_classes", "document_shares")
    op.execute("ALTER INDEX ingest.ix_document_classes_class_id RENAME TO ix_document_shares_target_id")
    op.create_table(
        "shelves",
        sa.Column("shelf_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('project', 'agent')", name=op.f("ck_shelves_kind")),
        sa.PrimaryKeyConstraint("shelf_id", name=op.f("pk_shelves")),
        schema="ingest",
    )


def _rename_keys(old: str, new: str) -> None:
    for key in ("pk_{}", "fk_{}_document_id_documents"):
        rename = f"RENAME CONSTRAINT {key.format(old)} TO {key.format(new)}"
        op.execute(f"ALTER TABLE ingest.document_shares {rename}")


def downgrade() -> None:
    op.execute(EVERY_ROW)
    op.drop_table("shelves", schema="ingest")
    op.execute("DELETE FROM ingest.document_shares WHERE kind <> 'class'")
    op.execute("ALTER INDEX ingest.ix_document_shares_target_id RENAME TO ix_document_classes_class_id")
    _rename_keys("document_shares", "document_classes")
    op.drop_column("document_shares", "kind", schema="ingest")
    op.alter_column("document_shares", "target_id", new_column_name="class_id", schema="ingest")
    op.rename_table("document_shares", "document_classes", schema="ingest")
    for table in ("turns", "read_rules", "vector_checks", "vector_migrations"):
        op.drop_table(table, schema="ingest")
    op.drop_table("document_indexes", schema="ingest")
    op.drop_table("vector_indexes", schema="ingest")
    op.add_column("chunks", sa.Column("embedding", sa.LargeBinary(), nullable=True), schema="user")
    op.add_column("chunks", sa.Column("tokens", sa.Integer(), server_default="0", nullable=False), schema="user")
    op.execute("""
        UPDATE "user".chunks c SET embedding = e.embedding, tokens = e.tokens FROM "user".chunk_embeddings e
        WHERE (e.document_id, e.revision, e.ordinal) = (c.document_id, c.revision, c.ordinal)
    """)
    op.drop_table("chunk_embeddings", schema="user")
    op.execute("""
        DELETE FROM "user".chunks c USING "user".documents d
        WHERE d.document_id = c.document_id AND c.revision <> coalesce(d.live_revision, d.revision)
    """)
    op.drop_constraint("pk_chunks", "chunks", schema="user")
    op.create_primary_key("pk_chunks", "chunks", ["document_id", "ordinal"], schema="user")
    op.drop_column("chunks", "terms", schema="user")
    op.drop_column("chunks", "revision", schema="user")
    for index in ("ix_documents_waiting", "ix_documents_put_off", "ix_documents_deleting", "uq_documents_dedupe_key"):
        op.drop_index(index, table_name="documents", schema="user")
    for column in COLUMNS:
        op.drop_column("documents", column.name, schema="user")
    op.add_column(
        "documents", sa.Column("indexed_version", sa.Integer(), server_default="1", nullable=False), schema="user"
    )
    op.execute(f"""UPDATE "user".documents SET dedupe_key = NULL WHERE NOT ({LIVING})""")  # noqa: S608  its own words
    op.create_index("uq_documents_dedupe_key", "documents", ["dedupe_key"], unique=True, schema="user")
    op.create_index(
        "ix_documents_behind",
        "documents",
        ["document_id"],
        unique=False,
        schema="user",
        postgresql_where=sa.text("state = 'ready' AND indexed_version < version"),
    )
    op.create_index(
        "ix_documents_unfinished",
        "documents",
        ["updated_at"],
        unique=False,
        schema="user",
        postgresql_where=sa.text("state IN ('uploaded','validating','parsing','chunking','embedding','deleting')"),
    )
