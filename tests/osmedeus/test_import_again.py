"""Importing again: nothing doubles, and what went on is updated."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from webapp.extensions import db
from webapp.ingest.again import import_again
from webapp.ingest.osmedeus.importer import import_base
from webapp.models import Run, Source, Step
from webapp.queries.sources import find_source_named

from ..test_writer import kept, recount

KILLED = "killed.example.com"


def everything(app: Flask) -> list[tuple[object, ...]]:
    with app.app_context():
        columns = [column for column in Step.__table__.columns]
        return [tuple(row) for row in db.session.execute(select(*columns).order_by(Step.id))]


def change(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_importing_twice_changes_nothing(app: Flask, sample: Path) -> None:
    with app.app_context():
        import_base(sample / "base")
    before = everything(app)
    with app.app_context():
        again = import_base(sample / "base" / "database-osm.sqlite")
        assert (again.steps.added, again.steps.changed, again.steps.unchanged) == (0, 0, 175)
        assert (again.runs.added, again.runs.changed, again.runs.unchanged) == (0, 0, 33)
        assert (again.artifacts.added, again.artifacts.changed) == (0, 0)
    assert everything(app) == before


def test_no_transaction_is_open_while_a_base_is_read(app: Flask, sample: Path) -> None:
    are_open: dict[str, bool] = {}

    def report(what: str, *_: int) -> None:
        are_open[what] = db.session().in_transaction()

    with app.app_context():
        import_base(sample / "base", name="sample")
        source = find_source_named("sample")
        assert source and db.session().in_transaction()
        import_again(source, report)
    assert not any(are_open.values()), are_open
    assert {"reading the database", "reading the logs", "matching"} <= set(are_open)


def test_a_run_that_went_on_is_updated(app: Flask, base_copy: Path) -> None:
    with app.app_context():
        import_base(base_copy / "base")
    before = len(everything(app))
    log = base_copy / "workspaces-osmedeus" / KILLED / "run-execution.log"
    log.chmod(0o644)
    with log.open("a") as file:
        file.write(
            '{"level":"ERROR","timestamp":"2026-11-23T22:23:22+00:00","message":"Step failed",'
            '"step_name":"first-wait","step_type":"bash","command":"for i in 1 2 3; do echo '
            '\\"tick $i\\"; sleep 3; done","duration":9.002,"error":"killed"}\n'
        )
    database = base_copy / "base" / "database-osm.sqlite"
    database.chmod(0o644)
    change(
        database,
        "UPDATE runs SET status='failed', completed_at='2026-11-23 22:23:23+00:00' WHERE id=25",
    )
    with app.app_context():
        again = import_base(base_copy / "base")
        assert (again.steps.added, again.steps.changed) == (0, 1)
        assert again.runs.changed == 1
        run = db.session.get_one(Run, 25)
        assert (run.status, run.steps_failed, run.steps_running) == ("failed", 1, 0)
        step = db.session.execute(
            select(Step).where(Step.run_id == 25, Step.position == 2)
        ).scalar_one()
        assert (step.status, step.error, step.duration_ms) == ("failed", "killed", 9002)
    assert len(everything(app)) == before
    assert recount(app) == kept(app, True)


def test_a_step_at_work_that_never_ended_goes_when_its_run_is_over(
    app: Flask, base_copy: Path
) -> None:
    with app.app_context():
        import_base(base_copy / "base")
    database = base_copy / "base" / "database-osm.sqlite"
    database.chmod(0o644)
    ended = "status='cancelled', completed_at='2026-11-23 22:23:23+00:00'"
    change(database, f"UPDATE runs SET {ended} WHERE id=25")
    with app.app_context():
        import_base(base_copy / "base")
        run = db.session.get_one(Run, 25)
        assert (run.status, run.steps_completed, run.steps_running) == ("cancelled", 1, 0)
    assert recount(app) == kept(app, True)


def test_a_step_first_seen_in_the_log_becomes_its_row_when_that_appears(
    app: Flask, base_copy: Path
) -> None:
    database = base_copy / "base" / "database-osm.sqlite"
    database.chmod(0o644)
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT * FROM step_results WHERE run_id=22").fetchall()
    change(database, "DELETE FROM step_results WHERE run_id=22")
    with app.app_context():
        first = import_base(base_copy / "base")
        assert first.recovered["completed"] == 44
    before = {row[0] for row in everything(app)}
    with closing(sqlite3.connect(database)) as connection:
        marks = ",".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO step_results VALUES ({marks})", rows)
        connection.commit()
    with app.app_context():
        again = import_base(base_copy / "base")
        assert (again.steps.added, again.steps.changed) == (0, 4)
        steps = db.session.execute(select(Step).where(Step.run_id == 22)).scalars().all()
        assert {step.recovered for step in steps} == {""}
        assert {step.source_key for step in steps} == {row[0] for row in rows}
    assert {row[0] for row in everything(app)} == before


def test_a_line_that_was_cut_when_it_was_read_gives_its_output_later(
    app: Flask, base_copy: Path
) -> None:
    log = base_copy / "workspaces-osmedeus" / KILLED / "run-execution.log"
    log.chmod(0o644)
    before = log.read_bytes()
    ended = (
        b'{"level":"INFO","timestamp":"2026-11-23T22:23:22+00:00","message":"Step completed",'
        b'"step_name":"first-wait","step_type":"bash","command":"wait","status":"success",'
        b'"duration":9.002,"output":"tick 1"}\n'
    )
    outputs = []
    for line in (ended[:-9], ended):
        log.write_bytes(before + line)
        with app.app_context():
            import_base(base_copy / "base")
            of_place = select(Step).where(Step.run_id == 25, Step.position == 2)
            step = db.session.execute(of_place).scalar_one()
            outputs.append((step.status, step.duration_ms, step.output))
    assert outputs == [("completed", 9002, ""), ("completed", 9002, "tick 1")]


def test_a_step_whose_row_is_gone_does_not_come_a_second_time_from_the_log(
    app: Flask, base_copy: Path
) -> None:
    database = base_copy / "base" / "database-osm.sqlite"
    database.chmod(0o644)
    with app.app_context():
        import_base(base_copy / "base")
    before = everything(app)
    change(
        database,
        "DELETE FROM step_results WHERE run_id IN (1, 15, 31)",
        "UPDATE step_results SET status='weird' WHERE run_id=24 AND step_name='probe-hosts'",
    )
    with app.app_context():
        again = import_base(base_copy / "base")
        assert (again.steps.added, again.steps.changed, again.steps.unchanged) == (0, 0, 175)
    assert everything(app) == before


def test_steps_recovered_once_stay_when_their_logs_are_gone(app: Flask, base_copy: Path) -> None:
    with app.app_context():
        import_base(base_copy / "base")
    before = everything(app)
    shutil.rmtree(base_copy / "workspaces-osmedeus")
    with app.app_context():
        again = import_base(base_copy / "base")
        assert any("--workspaces" in note for note in again.notes)
        assert (again.steps.added, again.steps.changed) == (0, 0)
    assert everything(app) == before


def test_two_bases_stand_side_by_side(app: Flask, sample: Path, base_copy: Path) -> None:
    with app.app_context():
        import_base(sample / "base", name="first")
        second = import_base(base_copy / "base", name="second")
        assert (second.runs.added, second.steps.added) == (33, 175)
        runs = db.session.execute(select(Run.id, Source.name).join(Source).order_by(Run.id)).all()
        assert [tuple(row) for row in runs] == [
            *((number, "first") for number in range(1, 34)),
            *((number, "second") for number in range(34, 67)),
        ]


def test_a_base_without_a_name_is_known_by_its_path(app: Flask, sample: Path) -> None:
    with app.app_context():
        import_base(sample / "base")
        import_base(sample / "base", name="base")
        assert [source.name for source in db.session.execute(select(Source)).scalars()] == ["base"]
