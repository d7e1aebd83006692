"""projects and agents"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis import tenant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

GRANTS = {
    '"user".projects': "SELECT, INSERT, UPDATE, DELETE",
    '"user".agents': "SELECT, INSERT, UPDATE, DELETE",
}

ISOLATED = (
    tenant.isolation('"user".projects', org=None, user="owner_id"),
    tenant.isolation('"user".agents', user="owner_id"),
)

# A document of its owner's alone, put into an agent that a class has: whoever sees the agent sees it.
THROUGH_AGENTS = """
    CREATE POLICY through_agents ON rag.documents FOR SELECT USING (EXISTS (
        SELECT FROM "user".agents a WHERE a.agent_id = ANY (
            SELECT CASE WHEN s ~ '^agent:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN substr(s, 7)::uuid END
            FROM unnest(documents.scopes) s) OFFSET 0))
"""


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_projects")),
        schema="user",
    )
    op.create_table(
        "agents",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("class_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("instructions", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_agents")),
        schema="user",
    )
    for table in ("projects", "agents"):
        newest_first = ["owner_id", sa.literal_column("created_at DESC")]
        op.create_index(f"ix_{table}_owner_id_created_at", table, newest_first, unique=False, schema="user")
    op.create_index("ix_agents_class_id", "agents", ["class_id"], unique=False, schema="user")
    for name in ("project_id", "agent_id"):
        op.add_column("conversations", sa.Column(name, sa.Uuid(), nullable=True), schema="user")
    none = sa.text("'[]'::jsonb")
    reranks = sa.Column("reranks", postgresql.JSONB(astext_type=sa.Text()), server_default=none, nullable=False)
    op.add_column("messages", reranks, schema="user")
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO rag")
    for statements in ISOLATED:
        for statement in statements:
            op.execute(statement)
    op.execute(THROUGH_AGENTS)


def downgrade() -> None:
    op.execute("DROP POLICY through_agents ON rag.documents")
    op.drop_column("messages", "reranks", schema="user")
    for name in ("project_id", "agent_id"):
        op.drop_column("conversations", name, schema="user")
    op.drop_table("agents", schema="user")
    op.drop_table("projects", schema="user")
