"""Make benchmark data through the product's own writer: always the same, but for the times.

The last run ends now, so that what pages tell of the last day is there.
"""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from uuid import UUID

from flask import Flask

from webapp.extensions import db
from webapp.ingest.interpreter import set_for_bulk
from webapp.ingest.records import RunRecord, StepRecord
from webapp.ingest.writer import Writer
from webapp.models import RunStatus, Source, StepStatus, StepType

RUN_EVERY = timedelta(seconds=200)
STEPS_PER_RUN = 100
WORKSPACES = 200
WORKFLOWS = 25
# So many runs are started together.
RUNS_PER_GROUP = 5
# So many runs with their steps are made before any of them is written, and the clock runs: 200,000
# steps. Of fewer, a good part would be the first batch, which nothing is written beside.
RUNS_PER_BATCH = 2_000
# What an average step prints, and what one in a hundred does.
USUAL_OUTPUT, LONG_OUTPUT = 300, 20_000
LINE = "{n:08d} worker fetched http://host{n}.example.com/page in {ms} ms\n"


def fill(app: Flask, rows: int) -> float:
    """Write so many steps in a hundredth as many runs; return the seconds that the writer took."""
    chance = random.Random(20_261_120)
    began_at = _first_start(rows)
    with app.app_context():
        source = Source(name="bench", kind="osmedeus", path="made by benchmarks/data.py")
        db.session.add(source)
        db.session.commit()
        source_id = source.id
        # Else its transaction lasts as long as the fill, and SQLite's log only grows.
        db.session.rollback()
        watch = Stopwatch()
        # As while a base is imported.
        with set_for_bulk(), Writer(db.engine, source_id) as writer:
            for first in range(0, rows // STEPS_PER_RUN, RUNS_PER_BATCH):
                last = min(first + RUNS_PER_BATCH, rows // STEPS_PER_RUN)
                records = [_run(number, began_at, chance) for number in range(first, last)]
                with watch:
                    ids = writer.put_runs(records)
                of_runs = [_steps(record, ids[record.source_key], chance) for record in records]
                steps = list(chain.from_iterable(of_runs))
                with watch:
                    for step in steps:
                        writer.put_step(step)
                    # Else it would go on beside what is not the writer's work.
                    writer.flush()
        return watch.seconds


class Stopwatch:
    """Add up how long blocks take."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.seconds = 0.0

    def __enter__(self) -> None:
        """Start."""
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.seconds += time.perf_counter() - self._began


def _first_start(rows: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - RUN_EVERY * (rows // STEPS_PER_RUN)


def _run(number: int, began_at: datetime, chance: random.Random) -> RunRecord:
    began = began_at + RUN_EVERY * number
    ended = began + timedelta(seconds=150)
    workspace = f"host{chance.randrange(WORKSPACES)}.example.com"
    return RunRecord(
        source_key=str(UUID(int=number)),
        run_uuid=str(UUID(int=number)),
        status=chance.choices([RunStatus.COMPLETED, RunStatus.FAILED], [9, 1])[0],
        workflow_name=f"workflow-{chance.randrange(WORKFLOWS)}",
        workflow_kind="module",
        target=workspace,
        workspace=workspace,
        trigger_type="cli",
        run_group_id=f"group-{number // RUNS_PER_GROUP}",
        total_steps=STEPS_PER_RUN,
        completed_steps=STEPS_PER_RUN,
        started_at=began,
        completed_at=ended,
        created_at=began,
        updated_at=ended,
    )


def _steps(run: RunRecord, run_id: int, chance: random.Random) -> Iterator[StepRecord]:
    statuses = list(StepStatus)
    types = list(StepType)[:7]
    for position in range(1, STEPS_PER_RUN + 1):
        duration = chance.randrange(1, 3_000)
        began = run.created_at + timedelta(seconds=1.5 * position, microseconds=duration)
        status = chance.choices(statuses, [1, 1, 85, 10, 3])[0]
        is_long = chance.random() < 0.01
        line = LINE.format(n=run_id, ms=duration)
        ended = began + timedelta(milliseconds=duration)
        yield StepRecord(
            source_key=f"{run.source_key}/{position}",
            run_id=run_id,
            workspace=run.workspace,
            position=position,
            step_name=f"step-{run_id % WORKFLOWS}-{position}",
            step_type=chance.choices(types, [60, 15, 8, 5, 4, 5, 3])[0],
            status=status,
            command=f"tool --target {run.target} --step {position}",
            output=line * ((LONG_OUTPUT if is_long else USUAL_OUTPUT) // len(line)),
            error="command exited with code 1" if status == StepStatus.FAILED else "",
            started_at=began,
            completed_at=ended,
            duration_ms=duration,
            created_at=began,
            updated_at=ended,
        )


def make_osmedeus_base(folder: Path, rows: int) -> None:
    """Make a base with so many rows of step_results, as the engine would write them."""
    (folder / "base").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "base" / "database-osm.sqlite")) as connection:
        connection.executescript(
            """
            CREATE TABLE runs (id INTEGER PRIMARY KEY, run_uuid VARCHAR UNIQUE,
                workflow_name VARCHAR, workflow_kind VARCHAR, target VARCHAR, params json,
                status VARCHAR, workspace VARCHAR, started_at TIMESTAMP, completed_at TIMESTAMP,
                created_at TIMESTAMP, updated_at TIMESTAMP, trigger_type VARCHAR,
                total_steps INTEGER, completed_steps INTEGER);
            CREATE TABLE step_results (id text PRIMARY KEY, run_id INTEGER, run_uuid VARCHAR,
                step_name VARCHAR, step_type VARCHAR, status VARCHAR, command VARCHAR,
                output VARCHAR, error_message VARCHAR, exports json, duration_ms INTEGER,
                log_file VARCHAR, started_at TIMESTAMP, completed_at TIMESTAMP,
                created_at TIMESTAMP);
            """
        )
        chance = random.Random(20_261_121)
        began_at = _first_start(rows)
        for number in range(1, rows // STEPS_PER_RUN + 1):
            _insert_run(connection, number, began_at, chance)
        connection.commit()


def _insert_run(
    connection: sqlite3.Connection, number: int, began_at: datetime, chance: random.Random
) -> None:
    run = _run(number, began_at, chance)
    uuid = run.run_uuid
    ended = run.completed_at or run.created_at
    times = [_text(run.created_at), _text(ended)] * 2
    values = (number, uuid, run.workflow_name, "module", run.target, "{}", "completed")
    counts = ("cli", STEPS_PER_RUN, STEPS_PER_RUN)
    connection.execute(
        f"INSERT INTO runs VALUES ({','.join('?' * 15)})", (*values, run.workspace, *times, *counts)
    )
    rows = []
    for position, step in enumerate(_steps(run, number, chance)):
        key = str(UUID(int=(number << 64) + position))
        texts = (step.step_name, step.step_type, "success", step.command, step.output, "", "null")
        began, finished = _text(step.created_at), _text(step.updated_at)
        rows.append((key, number, uuid, *texts, step.duration_ms, "", began, finished, finished))
    connection.executemany(f"INSERT INTO step_results VALUES ({','.join('?' * 15)})", rows)


def _text(time: datetime) -> str:
    return time.isoformat(" ", "microseconds")
