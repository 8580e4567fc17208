"""Make rows for tests, through the product's own writer."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask

from webapp.extensions import db
from webapp.ingest.counters import get_counter, set_counter
from webapp.ingest.locking import locked
from webapp.ingest.records import ArtifactRecord, RunRecord, StepRecord
from webapp.ingest.recounting import Difference, Recount
from webapp.ingest.writer import Writer
from webapp.models import Recovered, RunStatus, Source, Step, StepStatus
from webapp.models.parts import PART_BITS

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def make_source(app: Flask, name: str = "test") -> int:
    """Add a source and return its id."""
    with app.app_context():
        source = Source(name=name, kind="osmedeus", path=f"/nowhere/{name}")
        db.session.add(source)
        db.session.commit()
        return source.id


def make_run(key: str = "run-1", **changes: Any) -> RunRecord:
    """Return a run that completed, with some values changed."""
    values: dict[str, Any] = {
        "source_key": key,
        "run_uuid": key,
        "status": RunStatus.COMPLETED,
        "workflow_name": "recon-domain",
        "workflow_kind": "module",
        "target": "example.com",
        "workspace": "example.com",
        "trigger_type": "cli",
        "started_at": START,
        "completed_at": START + timedelta(minutes=1),
        "created_at": START,
        "updated_at": START + timedelta(minutes=1),
        "total_steps": 3,
        "completed_steps": 3,
    }
    return RunRecord(**{**values, **changes})


def make_step(run_id: int, n: int = 1, **changes: Any) -> StepRecord:
    """Return the n-th step of a run, with some values changed."""
    start = START + timedelta(seconds=n)
    values: dict[str, Any] = {
        "source_key": f"{run_id}/{n}",
        "run_id": run_id,
        "workspace": "example.com",
        "position": n,
        "step_name": f"step-{n}",
        "step_type": "bash",
        "status": StepStatus.COMPLETED,
        "command": f"echo {n}",
        "output": f"output of {n}\n",
        "started_at": start,
        "completed_at": start + timedelta(milliseconds=500),
        "duration_ms": 500,
        "created_at": start,
        "updated_at": start + timedelta(milliseconds=500),
        "recovered": Recovered.NO,
    }
    return StepRecord(**{**values, **changes})


def write(
    app: Flask,
    runs: Iterable[RunRecord],
    steps: Iterable[StepRecord] = (),
    artifacts: Iterable[ArtifactRecord] = (),
    source_id: int | None = None,
) -> dict[str, int]:
    """Write rows for a source, a new one by default; return the run ids by source key."""
    source_id = source_id or make_source(app)
    with app.app_context(), Writer(db.engine, source_id) as writer:
        ids = writer.put_runs(runs)
        for step in steps:
            writer.put_step(step)
        writer.flush()
        writer.put_artifacts(artifacts)
        return ids


def write_in_parts(
    app: Flask, runs: Iterable[RunRecord], steps: Sequence[StepRecord], source_id: int | None = None
) -> list[int]:
    """Write steps whose ids lie in the first part of ids, over the next border, and far off."""
    source_id = source_id or make_source(app)
    write(app, runs, source_id=source_id)
    third = len(steps) // 3
    ids: list[int] = []
    for part, before in ((0, 0), (1, third // 2), (5, 0)):
        some = steps[len(ids) :] if part == 5 else steps[len(ids) : len(ids) + third]
        first_id = max((part << PART_BITS) - before, 1)
        with app.app_context():
            skip_ids(first_id - 1)
        write(app, [], some, source_id=source_id)
        ids += range(first_id, first_id + len(some))
    return ids


def skip_ids(last_id: int) -> None:
    """Let the last id of a step be this one, unless there are later ones."""
    with locked(db.engine) as connection:
        name = Step.__tablename__
        set_counter(connection, name, max(get_counter(connection, name), last_id))


def find_differences() -> list[Difference]:
    """Return which of the kept counts are not what a recount finds."""
    return [one for part in Recount(db.engine) for one in part]
