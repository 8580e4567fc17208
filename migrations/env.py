"""Run migrations on the application's own engine."""

from contextlib import nullcontext

from alembic import context

from webapp.database import is_compared
from webapp.extensions import db


def run_migrations() -> None:
    """Migrate in one transaction, so that a failure leaves the database as it was.

    A connection in the configuration's attributes is used as it is, within its transaction.
    """
    given = context.config.attributes.get("connection")
    with nullcontext(given) if given else db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=True,
            include_object=is_compared,
            transactional_ddl=True,
            transaction_per_migration=False,
        )
        if connection.dialect.name == "postgresql":
            # An index of a large table takes longer than any query of a page may.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        with context.begin_transaction():
            context.run_migrations()
        if not given:
            connection.commit()


run_migrations()
