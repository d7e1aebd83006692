"""verified addresses"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Of whom identity has not told it yet, nobody has shown that the address is theirs.
    op.add_column(
        "users",
        sa.Column("email_verified", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="org_partner",
    )


def downgrade() -> None:
    op.drop_column("users", "email_verified", schema="org_partner")
