"""Let PostgreSQL check once a batch, and not step by step, that the run of a step is there.

Its foreign keys look up the run and the source of each new row, a fifth of the work of an import.
The writer looks up each run of a batch once, and keeps it from being deleted meanwhile; the
triggers here refuse to delete a run or a source that has steps, as the keys did.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# What each column of steps refers to.
REFERRED = {"run_id": "runs", "source_id": "sources"}


def upgrade() -> None:
    """Put triggers in place of the keys; SQLite's cost nothing and stay."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute(
        """
        CREATE FUNCTION keep_what_steps_refer_to() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            is_referred_to boolean;
        BEGIN
            EXECUTE format('SELECT EXISTS (SELECT FROM steps WHERE %I = $1)', TG_ARGV[0])
                INTO is_referred_to USING OLD.id;
            IF is_referred_to THEN
                RAISE foreign_key_violation USING
                    MESSAGE = format('%s %s still has steps', TG_TABLE_NAME, OLD.id);
            END IF;
            RETURN NULL;
        END
        $$
        """
    )
    for column, table in REFERRED.items():
        op.execute(
            f"CREATE TRIGGER steps_refer_to_it AFTER DELETE OR UPDATE OF id ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION keep_what_steps_refer_to('{column}')"
        )
        op.drop_constraint(_name(column, table), "steps", type_="foreignkey")


def downgrade() -> None:
    """Put the keys back, which PostgreSQL checks for all steps."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for column, table in REFERRED.items():
        op.create_foreign_key(_name(column, table), "steps", table, [column], ["id"])
        op.execute(f"DROP TRIGGER steps_refer_to_it ON {table}")
    op.execute("DROP FUNCTION keep_what_steps_refer_to()")


def _name(column: str, table: str) -> str:
    return op.f(f"fk_steps_{column}_{table}")
