"""Sum the counts of steps up over groups of blocks, so that few rows lead to any offset.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# As they stand in the models at this revision.
BLOCKS_PER_GROUP = 64
TOTAL_BLOCK = -1
# Table, and its key without the block.
TABLES = (
    ("step_counts", ["workspace", "status", "step_type"]),
    ("block_counts", ["status", "step_type"]),
)


def upgrade() -> None:
    """Add the rows of the groups."""
    last = op.get_bind().scalar(sa.text("SELECT max(block) FROM block_counts")) or 0
    for first in range(0, last + 1, BLOCKS_PER_GROUP):
        for table, key in TABLES:
            _add_group(table, key, first)


def downgrade() -> None:
    """Remove them."""
    for table, _ in TABLES:
        op.execute(f"DELETE FROM {table} WHERE block < {TOTAL_BLOCK}")


def _add_group(table: str, key: list[str], first: int) -> None:
    """Add the sums over the group that begins with this block."""
    names = ", ".join(key)
    group = TOTAL_BLOCK - 1 - first // BLOCKS_PER_GROUP
    op.execute(
        f"INSERT INTO {table} (block, {names}, n) SELECT {group}, {names}, sum(n) FROM {table} "
        f"WHERE block BETWEEN {first} AND {first + BLOCKS_PER_GROUP - 1} GROUP BY {names}"
    )
