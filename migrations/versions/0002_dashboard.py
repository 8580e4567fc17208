"""Add what the dashboard filters, sorts and manages by.

Revision ID: 0002
Revises: 0001
"""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

from webapp.columns import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Name, table, columns.
INDEXES = (
    ("ix_runs_workflow_name_status_id", "runs", ["workflow_name", "status", "id"]),
    ("ix_runs_created_at_id", "runs", ["created_at", "id"]),
    ("ix_runs_status_created_at_id", "runs", ["status", "created_at", "id"]),
    ("ix_runs_workspace_created_at_id", "runs", ["workspace", "created_at", "id"]),
    ("ix_runs_workflow_name_created_at_id", "runs", ["workflow_name", "created_at", "id"]),
    ("ix_runs_target_created_at_id", "runs", ["target", "created_at", "id"]),
    ("ix_runs_started_at_id_status", "runs", ["started_at", "id", "status"]),
    ("ix_runs_duration_ms_id", "runs", ["duration_ms", "id"]),
    ("ix_steps_run_id_id_status_step_type", "steps", ["run_id", "id", "status", "step_type"]),
    ("ix_steps_run_id_position", "steps", ["run_id", "position"]),
    ("ix_steps_status_started_at_id", "steps", ["status", "started_at", "id"]),
    (
        "ix_steps_started_at_id_status_step_type",
        "steps",
        ["started_at", "id", "status", "step_type"],
    ),
    (
        "ix_steps_duration_ms_id_status_step_type",
        "steps",
        ["duration_ms", "id", "status", "step_type"],
    ),
)
# The same, and which rows alone they hold.
PARTIAL_INDEXES = (
    ("ix_runs_run_group_id_id", "runs", ["run_group_id", "id"], "run_group_id != ''"),
    ("ix_steps_module_name_id", "steps", ["module_name", "id"], "module_name != ''"),
    ("ix_steps_recovered_id", "steps", ["recovered", "id"], "recovered != ''"),
)
RUNS_AT_ONCE = 10_000
MILLISECOND = timedelta(milliseconds=1)


def upgrade() -> None:
    """Add the columns, fill them from what is there, then index."""
    op.add_column("sources", sa.Column("import_began_at", UtcDateTime(), nullable=True))
    op.add_column(
        "sources", sa.Column("import_error", sa.Text(), nullable=False, server_default="")
    )
    op.add_column(
        "users", sa.Column("role", sa.String(length=20), nullable=False, server_default="viewer")
    )
    # Whoever could sign in before could do everything.
    op.execute("UPDATE users SET role = 'admin'")
    op.add_column("tokens", sa.Column("last_used_at", UtcDateTime(), nullable=True))
    op.add_column("runs", sa.Column("duration_ms", sa.BigInteger(), nullable=True))
    op.create_table(
        "step_names",
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_step_names")),
    )
    op.execute("INSERT INTO step_names (name) SELECT DISTINCT step_name FROM steps")
    _fill_durations(op.get_bind())
    op.drop_index("ix_steps_run_id_id", table_name="steps")
    for name, table, columns in INDEXES:
        # Where SQLite has what is empty.
        first = "duration_ms" if name == "ix_runs_duration_ms_id" else "started_at"
        operators = {first: "NULLS FIRST"} if first in columns else {}
        op.create_index(name, table, columns, postgresql_ops=operators)
    for name, table, columns, condition in PARTIAL_INDEXES:
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _fill_durations(connection: sa.Connection) -> None:
    runs = sa.table(
        "runs",
        sa.column("id", sa.BigInteger()),
        sa.column("started_at", UtcDateTime()),
        sa.column("completed_at", UtcDateTime()),
        sa.column("duration_ms", sa.BigInteger()),
    )
    ended = sa.select(runs.c.id, runs.c.started_at, runs.c.completed_at).where(
        runs.c.started_at.is_not(None), runs.c.completed_at.is_not(None)
    )
    fill = sa.update(runs).where(runs.c.id == sa.bindparam("of_run"))
    last_id = -1
    while some := connection.execute(
        ended.where(runs.c.id > last_id).order_by(runs.c.id).limit(RUNS_AT_ONCE)
    ).all():
        last_id = some[-1].id
        values = [
            {"of_run": row.id, "ms": max((row.completed_at - row.started_at) // MILLISECOND, 0)}
            for row in some
        ]
        connection.execute(fill.values(duration_ms=sa.bindparam("ms")), values)


def downgrade() -> None:
    """Drop what was added; roles are lost: whoever may sign in may do everything again."""
    for name, table, *_ in (*PARTIAL_INDEXES, *INDEXES):
        op.drop_index(name, table_name=table)
    op.create_index("ix_steps_run_id_id", "steps", ["run_id", "id"])
    op.drop_table("step_names")
    for table, column in (
        ("runs", "duration_ms"),
        ("tokens", "last_used_at"),
        ("users", "role"),
        ("sources", "import_error"),
        ("sources", "import_began_at"),
    ):
        op.drop_column(table, column)
