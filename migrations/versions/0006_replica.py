"""Note how far a user has written, so that a replica is read only once it has that.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nobody has written anything that a replica could lack."""
    op.add_column("users", sa.Column("written_to", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("users", "written_to")
