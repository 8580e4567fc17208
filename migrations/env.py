"""Run migrations on the application's own engine."""

from alembic import context

from webapp.extensions import db


def run_migrations() -> None:
    """Migrate in one transaction, so that a failure leaves the database as it was."""
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=True,
            transactional_ddl=True,
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run_migrations()
