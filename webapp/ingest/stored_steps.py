"""Find which steps of a run are here already, so that an import leaves them alone."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, Row, or_, select

from ..models import Step, table_of
from .lookups import has_rows

_COLUMNS = (
    Step.source_key,
    Step.position,
    Step.status,
    Step.recovered,
    Step.module_name,
    Step.workspace,
    Step.duration_ms,
    or_(Step.output_bytes > 0, Step.error != "").label("has_texts"),
    Step.step_name,
)


def find_stored_steps(engine: Engine, run_id: int) -> Sequence[Row[Any]]:
    """Return what an import compares of a run's steps, in their order."""
    with engine.connect() as connection:
        statement = select(*_COLUMNS).where(Step.run_id == run_id).order_by(Step.position)
        return connection.execute(statement).all()


def has_steps(engine: Engine, source_id: int) -> bool:
    """Tell whether a source has any step here."""
    with engine.connect() as connection:
        return has_rows(connection, table_of(Step), source_id)
