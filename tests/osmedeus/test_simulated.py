"""Bases of a simulated engine: what is placed stands in the right run, the rest is counted."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from webapp.extensions import db
from webapp.ingest.osmedeus.database import SourceDatabase
from webapp.ingest.osmedeus.execution_log import read_execution_log
from webapp.ingest.osmedeus.importer import import_base
from webapp.ingest.osmedeus.matching import FolderLog, Outcome
from webapp.ingest.osmedeus.workflow_file import read_workflow
from webapp.models import Run, Step

from ..test_writer import kept, recount
from .logs import Matched, match_all
from .simulator import simulate
from .world import TrueStep, World, workflow_document

SEEDS = range(60)
Key = tuple[str, str, int]


def solve(world: World) -> Matched:
    """Match a world's logs with its database."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        world.write_database(connection)
        database = SourceDatabase(connection, Path(":memory:"))
        runs = database.find_runs()
        rows = list(database.read_rows(runs))
    folders = []
    for name, lines in sorted(world.logs.items()):
        here = [run for run in world.runs if run.folder == name]
        last = max(here, key=lambda run: run.lines[0][0], default=None)
        text = json.dumps(workflow_document(last.workflow)) if last else ""
        log = read_execution_log(line for _, _, line in lines)
        folders.append(FolderLog(name, log, read_workflow(text)))
    return match_all(runs, rows, folders)


def of_truth(steps: list[TrueStep]) -> list[Key]:
    """Return the steps that ended, in order."""
    return [
        (step.name, step.status, step.duration_ms)
        for step in steps
        if step.status in ("completed", "failed")
    ]


def of_matching(matching: Matched, run_uuid: str) -> list[Key]:
    """Return what was found of a run, in order."""
    found = []
    for step in matching.steps.get(run_uuid, []):
        source = step.row or step.line
        assert source is not None
        is_failed = step.line is not None and step.line.failed
        found.append((step.name, "failed" if is_failed else "completed", source.duration_ms))
    return found


def test_no_step_stands_in_a_wrong_run_and_what_is_missing_is_counted() -> None:
    told = missing = 0
    for seed in SEEDS:
        world = simulate(seed)
        matching = solve(world)
        lost = 0
        for run in world.runs:
            if not run.is_deleted:
                truth, found = of_truth(run.steps), of_matching(matching, run.uuid)
                assert not Counter(found) - Counter(truth), f"seed {seed}, run {run.number}"
                told += len(truth)
                lost += len(truth) - len(found)
        outcomes = matching.outcomes
        not_placed = outcomes[Outcome.AMBIGUOUS] + outcomes[Outcome.UNKNOWN_RUN]
        assert lost <= not_placed + outcomes[Outcome.NO_RUN_OPEN], f"seed {seed}"
        missing += lost
    # Worlds are far more crowded and alike than real bases, which leave nothing.
    assert missing < told * 0.12


def test_runs_one_after_the_other_are_told_apart_wholly_and_in_order() -> None:
    checked = 0
    for seed in SEEDS:
        world = simulate(seed)
        is_plain = all(run.trigger == "cli" and not run.params["space_name"] for run in world.runs)
        is_ended = all(run.completed and not run.is_deleted for run in world.runs)
        if is_plain and is_ended and len({run.folder for run in world.runs}) == len(world.logs):
            checked += 1
            matching = solve(world)
            for run in world.runs:
                assert of_matching(matching, run.uuid) == of_truth(run.steps), f"seed {seed}"
    assert checked


def test_of_twins_at_the_same_time_hardly_a_step_stands_in_a_wrong_run() -> None:
    told = wrong = 0
    for seed in SEEDS:
        world = simulate(seed, is_hard=True)
        matching = solve(world)
        for run in world.runs:
            if not run.is_deleted:
                truth, found = of_truth(run.steps), of_matching(matching, run.uuid)
                told += len(truth)
                wrong += (Counter(found) - Counter(truth)).total()
    assert wrong <= told / 1000


def steps_of(app: Flask, source_id: int) -> dict[tuple[str, str], tuple[object, ...]]:
    """Return every step that a console cannot take back, by run and key."""
    with app.app_context():
        columns = (Step.step_name, Step.status, Step.recovered, Step.duration_ms, Step.module_name)
        rows = db.session.execute(
            select(Run.source_key, Step.source_key, *columns)
            .join(Run)
            .where(Step.status != "skipped", Step.source_id == source_id)
        )
        return {(row[0], row[1]): tuple(row)[2:] for row in rows}


@pytest.mark.parametrize("seed", [1, 5])
def test_importing_while_runs_go_on_ends_as_importing_once_at_the_end(
    app: Flask, tmp_path: Path, seed: int
) -> None:
    world = simulate(seed)
    for part in range(1, 5):
        base = world.write(tmp_path / "grown", world.end * part // 4)
        with app.app_context():
            import_base(base)
    assert recount(app) == kept(app, True)
    once = world.write(tmp_path / "once")
    with app.app_context():
        import_base(once, name="once")
    assert steps_of(app, 1) == steps_of(app, 2)
