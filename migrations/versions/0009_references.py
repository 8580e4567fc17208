"""Let PostgreSQL check once a batch, and not step by step, that the run of a step is there.

Its foreign keys look up the run and the source of each new row, a tenth of the time of an import.
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
# A transaction that sees the past would not see the steps that an import has just added: the keys
# looked past that, a trigger cannot. Like the keys it sees all steps, whoever deletes.
FUNCTION = """
CREATE OR REPLACE FUNCTION keep_what_steps_refer_to() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    condition text := '';
    referred_id bigint;
    is_referred_to boolean;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.id = OLD.id THEN
            RETURN NULL;
        END IF;
    END IF;
    IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('%s can be deleted in READ COMMITTED alone', TG_TABLE_NAME);
    END IF;
    IF TG_OP != 'TRUNCATE' THEN
        condition := format('WHERE %I = $1', TG_ARGV[0]);
        referred_id := OLD.id;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I.steps %s)', TG_TABLE_SCHEMA, condition)
        INTO is_referred_to USING referred_id;
    IF is_referred_to THEN
        RAISE foreign_key_violation USING
            MESSAGE = concat_ws(' ', TG_TABLE_NAME, referred_id, 'still has steps');
    END IF;
    RETURN NULL;
END
$$
"""
TRIGGERS = (
    "CREATE TRIGGER steps_refer_to_it AFTER DELETE OR UPDATE OF id ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION keep_what_steps_refer_to('{column}')",
    "CREATE TRIGGER steps_refer_to_them AFTER TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION keep_what_steps_refer_to('{column}')",
)
# The writer's own: an import in the middle of a batch ends it first.
LOCK = """
SELECT pg_advisory_xact_lock(7783412);
LOCK TABLE steps, runs, sources IN ACCESS EXCLUSIVE MODE
"""


def upgrade() -> None:
    """Put triggers in place of the keys; SQLite's cost nothing and stay."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute(LOCK)
    op.execute(FUNCTION)
    for column, table in REFERRED.items():
        for trigger in TRIGGERS:
            op.execute(trigger.format(table=table, column=column))
        op.drop_constraint(_name(column, table), "steps", type_="foreignkey")


def downgrade() -> None:
    """Put the keys back, which PostgreSQL checks for all steps."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute(LOCK)
    for column, table in REFERRED.items():
        op.create_foreign_key(_name(column, table), "steps", table, [column], ["id"])
    op.execute("DROP FUNCTION keep_what_steps_refer_to() CASCADE")


def _name(column: str, table: str) -> str:
    return op.f(f"fk_steps_{column}_{table}")
