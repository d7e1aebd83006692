"""access isolation and tenants"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis import tenant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GRANTS = {
    "ingest.revocations": "SELECT, INSERT, UPDATE, DELETE",
    "ingest.platform_settings": "SELECT, INSERT, UPDATE",
    "ingest.request_counts": "SELECT, INSERT, UPDATE, DELETE",
    "ingest.tenants": "SELECT, INSERT, UPDATE",
    "ingest.document_classes": "SELECT, INSERT, UPDATE, DELETE",
    "ingest.class_materials": "SELECT, INSERT, UPDATE",
    "ingest.erased_users": "SELECT, INSERT, UPDATE",
    "ingest.memberships": "DELETE",
    "ingest.pending_objects": "SELECT, INSERT, UPDATE, DELETE",
    "ingest.uploads": "SELECT, INSERT, UPDATE, DELETE",
}

ORGS_OF_USER = "SELECT m.org_id FROM ingest.memberships m WHERE m.user_id = p_user_id AND m.is_active"

CHUNKS = '"user".documents d WHERE d.document_id = chunks.document_id'
OWN_CHUNKS = f"""{CHUNKS} AND (
    d.owner_id = (SELECT nullif(current_setting('app.user', true), '')::uuid)
    OR d.org_id = ANY ((SELECT string_to_array(nullif(current_setting('app.orgs', true), ''), ',')::uuid[])::uuid[]))"""

ISOLATED = (
    tenant.isolation("ingest.memberships", reader="user_id"),
    tenant.isolation("ingest.classes"),
    tenant.isolation("ingest.tenants"),
    tenant.isolation(
        '"user".documents',
        user="owner_id",
        # A document of a teacher who works for no org, shared with a class: whoever sees the class sees it.
        readable="ingest.document_classes s WHERE s.document_id = documents.document_id",
    ),
    # A chunk is seen with its document. What is only shared is written by neither its readers nor their orgs.
    tenant.isolation('"user".chunks', org=None, through=OWN_CHUNKS, readable=CHUNKS),
    tenant.isolation(
        "ingest.document_classes",
        org=None,
        user="owner_id",
        through="ingest.classes c WHERE c.class_id = document_classes.class_id",
    ),
    tenant.isolation("ingest.class_materials"),
    tenant.isolation("ingest.erased_users", org=None, user="user_id"),
    tenant.isolation("ingest.pending_objects", org=None, user="owner_id"),
    tenant.isolation("ingest.uploads", org=None, user="owner_id"),
)
WALLED = (
    "ingest.memberships",
    "ingest.classes",
    "ingest.tenants",
    '"user".documents',
    '"user".chunks',
    "ingest.document_classes",
    "ingest.class_materials",
    "ingest.erased_users",
    "ingest.pending_objects",
    "ingest.uploads",
)


def upgrade() -> None:
    op.create_table(
        "revocations",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("least_epoch", sa.Integer(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_revocations")),
        schema="ingest",
    )
    op.create_index(op.f("ix_revocations_revoked_at"), "revocations", ["revoked_at"], unique=False, schema="ingest")
    op.create_table(
        "platform_settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_platform_settings")),
        schema="ingest",
    )
    op.create_table(
        "request_counts",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "minute", name=op.f("pk_request_counts")),
        schema="ingest",
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenants")),
        schema="ingest",
    )
    _sharing()
    op.create_table(
        "erased_users",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("document_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("erased", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_erased_users")),
        schema="ingest",
    )
    _uploads()
    # A receipt holds ids and counts; what would still tell which file it was goes.
    op.execute("""UPDATE "user".documents SET sha256 = '' WHERE state = 'deleted'""")
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO ingest")
    op.execute(tenant.enter_function("ingest", ORGS_OF_USER))
    for statements in ISOLATED:
        for statement in statements:
            op.execute(statement)


def _sharing() -> None:
    op.create_table(
        "document_classes",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("class_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("by_upload", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_listed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["user.documents.document_id"], name=op.f("fk_document_classes_document_id_documents")
        ),
        sa.PrimaryKeyConstraint("document_id", "class_id", name=op.f("pk_document_classes")),
        schema="ingest",
    )
    op.create_index(
        op.f("ix_document_classes_class_id"), "document_classes", ["class_id"], unique=False, schema="ingest"
    )
    op.create_table(
        "class_materials",
        sa.Column("class_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("material_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("class_id", name=op.f("pk_class_materials")),
        schema="ingest",
    )
    op.create_index(op.f("ix_class_materials_org_id"), "class_materials", ["org_id"], unique=False, schema="ingest")
    op.add_column(
        "documents", sa.Column("indexed_version", sa.Integer(), server_default="1", nullable=False), schema="user"
    )
    op.create_index(
        "ix_documents_behind",
        "documents",
        ["document_id"],
        unique=False,
        schema="user",
        postgresql_where=sa.text("state = 'ready' AND indexed_version < version"),
    )
    # PostgreSQL reads no index of arrays below a policy: array overlap is not leakproof.
    op.drop_index("ix_documents_scopes", table_name="documents", schema="user", postgresql_using="gin")
    op.execute("""
        INSERT INTO ingest.document_classes (document_id, class_id, owner_id, by_upload)
        SELECT d.document_id, d.class_id, d.owner_id, true FROM "user".documents d
        WHERE 'class:' || d.class_id = ANY (d.scopes) AND d.state NOT IN ('deleting', 'deleted')
    """)


def _uploads() -> None:
    op.create_table(
        "pending_objects",
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("is_discarded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("storage_key", name=op.f("pk_pending_objects")),
        schema="ingest",
    )
    op.create_index(
        op.f("ix_pending_objects_created_at"), "pending_objects", ["created_at"], unique=False, schema="ingest"
    )
    op.create_table(
        "uploads",
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("class_id", sa.Uuid(), nullable=True),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("allow_duplicate", sa.Boolean(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("received_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("parts", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("refusal", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("completing_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('open', 'completed', 'refused', 'given_up')", name=op.f("ck_uploads_state")),
        sa.PrimaryKeyConstraint("upload_id", name=op.f("pk_uploads")),
        schema="ingest",
    )
    op.create_index(op.f("ix_uploads_owner_id"), "uploads", ["owner_id"], unique=False, schema="ingest")
    op.create_index(op.f("ix_uploads_expires_at"), "uploads", ["expires_at"], unique=False, schema="ingest")
    op.create_index("ix_documents_org_id", "documents", ["org_id"], unique=False, schema="user")


def downgrade() -> None:
    for table in ("documents", "chunks"):
        op.execute(f'DROP POLICY shared ON "user".{table}')
    for table in WALLED:
        op.execute(f"DROP POLICY tenant ON {table}")
        op.execute(f"DROP POLICY IF EXISTS own ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION ingest.enter_tenant")
    op.execute("REVOKE DELETE ON ingest.memberships FROM ingest")
    op.drop_index("ix_documents_org_id", table_name="documents", schema="user")
    op.drop_table("uploads", schema="ingest")
    op.drop_table("pending_objects", schema="ingest")
    op.drop_table("erased_users", schema="ingest")
    op.create_index("ix_documents_scopes", "documents", ["scopes"], unique=False, schema="user", postgresql_using="gin")
    op.drop_index("ix_documents_behind", table_name="documents", schema="user")
    op.drop_column("documents", "indexed_version", schema="user")
    op.drop_index(op.f("ix_class_materials_org_id"), table_name="class_materials", schema="ingest")
    op.drop_table("class_materials", schema="ingest")
    op.drop_index(op.f("ix_document_classes_class_id"), table_name="document_classes", schema="ingest")
    op.drop_table("document_classes", schema="ingest")
    op.drop_table("tenants", schema="ingest")
    op.drop_table("request_counts", schema="ingest")
    op.drop_table("platform_settings", schema="ingest")
    op.drop_index(op.f("ix_revocations_revoked_at"), table_name="revocations", schema="ingest")
    op.drop_table("revocations", schema="ingest")
