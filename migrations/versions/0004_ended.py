"""Index when steps and runs ended, so that lists can filter by it.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Name, table, columns.
INDEXES = (
    ("ix_runs_completed_at_id_status", "runs", ["completed_at", "id", "status"]),
    (
        "ix_steps_status_completed_at_id_step_type_started_at",
        "steps",
        ["status", "completed_at", "id", "step_type", "started_at"],
    ),
)


def upgrade() -> None:
    """Add the indexes; what has not ended stands where SQLite has what is empty."""
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns, postgresql_ops={"completed_at": "NULLS FIRST"})


def downgrade() -> None:
    """Drop the indexes."""
    for name, table, _ in INDEXES:
        op.drop_index(name, table_name=table)
