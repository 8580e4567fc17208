"""Find the bases that were imported, and count what they hold."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select

from ..extensions import db
from ..models import Run, Source, StepStatus
from .kept import kept
from .rows import get_row


class Holdings(NamedTuple):
    """How many runs and steps a source has here."""

    runs: int = 0
    steps: int = 0


def find_sources() -> Sequence[Source]:
    """Return all sources by name."""
    return db.session.scalars(select(Source).order_by(Source.name)).all()


def get_source(source_id: int) -> Source:
    """Return the source with this id, or answer 404."""
    return get_row(Source, source_id, "source")


def find_source_named(name: str) -> Source | None:
    """Return the source of this name, if there is one."""
    return db.session.scalar(select(Source).where(Source.name == name))


@kept
def count_holdings(source_id: int | None = None) -> dict[int, Holdings]:
    """Return what each source holds, or one of them; those without a run are missing.

    The runs know the numbers of their steps: to count the steps themselves would take a hundred
    times as long.
    """
    steps = sum((getattr(Run, f"steps_{status}") for status in StepStatus), start=0)
    statement = select(Run.source_id, func.count(), func.sum(steps)).group_by(Run.source_id)
    if source_id is not None:
        statement = statement.where(Run.source_id == source_id)
    return {key: Holdings(runs, int(n)) for key, runs, n in db.session.execute(statement).all()}
