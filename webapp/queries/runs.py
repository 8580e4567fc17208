"""Find runs and what belongs to them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import joinedload
from werkzeug.exceptions import NotFound

from ..extensions import db
from ..filters import MAX_INTEGER, RunFilters
from ..models import Artifact, Run, Step
from .conditions import Column
from .counts import run_conditions


def find_runs(filters: RunFilters) -> Sequence[Run]:
    """Return one page of runs, in the order of the filters."""
    statement = (
        select(Run)
        .where(*run_conditions(filters))
        .order_by(Run.id.desc() if filters.sort == "-id" else Run.id)
        .limit(filters.limit)
        .offset(filters.offset)
    )
    return db.session.execute(statement).scalars().all()


def get_run(key: str) -> Run:
    """Return a run by its number or its UUID, with its source, or answer 404.

    Of a UUID that several sources have, the run imported last is meant.
    """
    is_number = key.isascii() and key.isdigit() and int(key) <= MAX_INTEGER
    condition = Run.id == int(key) if is_number else Run.run_uuid == key
    statement = (
        select(Run)
        .where(condition)
        .options(joinedload(Run.source))
        .order_by(Run.id.desc())
        .limit(1)
    )
    run = db.session.execute(statement).scalar_one_or_none()
    if run is None:
        raise NotFound(f"There is no run {key}.")
    return run


def find_steps_of_run(
    run_id: int, columns: Sequence[Column], limit: int, offset: int = 0
) -> Sequence[Row[Any]]:
    """Return these columns of a run's steps, in the order in which they ended."""
    statement = (
        select(*columns)
        .where(Step.run_id == run_id)
        .order_by(Step.position, Step.id)
        .limit(limit)
        .offset(offset)
    )
    return db.session.execute(statement).all()


def find_artifacts_of_run(run_id: int) -> Sequence[Artifact]:
    """Return a run's artifacts in the order of import."""
    statement = select(Artifact).where(Artifact.run_id == run_id).order_by(Artifact.id)
    return db.session.execute(statement).scalars().all()


def find_neighbour(run_id: int, position: int, forward: bool) -> Row[tuple[int, str]] | None:
    """Return (id, step_name) of the step before or after this place in a run, if there is one."""
    statement = select(Step.id, Step.step_name).where(Step.run_id == run_id).limit(1)
    if forward:
        statement = statement.where(Step.position > position).order_by(Step.position)
    else:
        statement = statement.where(Step.position < position).order_by(Step.position.desc())
    return db.session.execute(statement).first()
