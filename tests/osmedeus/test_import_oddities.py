"""Rows that no engine of today writes: none of them ends an import."""

import sqlite3
from contextlib import closing
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from webapp.extensions import db
from webapp.ingest.osmedeus.importer import import_base
from webapp.models import Run, Step


def test_a_step_of_an_unknown_status_is_kept_out_and_said(app: Flask, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE step_results SET status='exploded' WHERE run_id=1 ")
        connection.commit()
    with app.app_context():
        summary = import_base(database)
        assert summary.kept_out == {"unknown status 'exploded'": 7}


def test_steps_whose_run_is_gone_stand_under_a_run_that_says_so(app: Flask, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("DELETE FROM runs WHERE id=1")
        connection.commit()
    with app.app_context():
        import_base(database)
        run = db.session.execute(select(Run).where(Run.status == "unknown")).scalar_one()
        assert run.run_uuid == "bd92d8b9-11da-4747-bdff-6e7b3090c14e"
        assert "not in Osmedeus's database" in run.error
        assert run.steps_completed == 7
        again = import_base(database)
        assert (again.steps.added, again.steps.changed, again.runs.added) == (0, 0, 0)


def test_a_base_of_the_first_version_is_read(app: Flask, tmp_path: Path) -> None:
    """5.0.0: no run_uuid in step_results; the run's id is a text in its beta."""
    path = tmp_path / "database-osm.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE runs (id VARCHAR PRIMARY KEY, workflow_name VARCHAR, target VARCHAR,
                status VARCHAR, workspace VARCHAR, params json, started_at TIMESTAMP);
            CREATE TABLE step_results (id text PRIMARY KEY, run_id VARCHAR, step_name VARCHAR,
                step_type VARCHAR, status VARCHAR, command VARCHAR, output VARCHAR,
                error_message VARCHAR, exports json, duration_ms INTEGER,
                started_at TIMESTAMP, completed_at TIMESTAMP, created_at TIMESTAMP);
            INSERT INTO runs VALUES ('run-a', 'wf', 'example.com', 'completed', 'example.com',
                'null', '2026-01-01 10:00:00+00:00');
            INSERT INTO step_results VALUES ('s1', 'run-a', 'one', 'bash', 'success', 'x', NULL,
                NULL, NULL, 5, '2026-01-01 10:00:00.5+00:00', '2026-01-01 10:00:00.505',
                '0001-01-01 00:00:00+00:00');
            """
        )
    with app.app_context():
        import_base(path)
        step = db.session.execute(select(Step)).scalar_one()
        assert (step.step_name, step.status, step.output) == ("one", "completed", "")
        assert step.started_at is not None and step.started_at.microsecond == 500_000
        assert step.created_at == step.completed_at
        assert db.session.execute(select(Run)).scalar_one().run_uuid == "run-a"


def test_unreadable_texts_and_odd_values_do_not_end_an_import(app: Flask, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "UPDATE step_results SET output=CAST(x'61ff62' AS TEXT), duration_ms='many', "
            "exports='{broken', started_at='soon' WHERE run_id=1"
        )
        connection.execute("UPDATE runs SET params='[1]', total_steps='x' WHERE id=1")
        connection.commit()
    with app.app_context():
        import_base(database)
        step = db.session.execute(
            select(Step).where(Step.run_id == 1, Step.position == 1)
        ).scalar_one()
        assert (step.output, step.duration_ms, step.exports) == ("a�b", 0, None)
        assert step.started_at is None


def test_numbers_and_keys_that_no_engine_writes_do_not_end_an_import(
    app: Flask, database: Path
) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            """
            CREATE TABLE odd AS SELECT * FROM runs; DROP TABLE runs; ALTER TABLE odd RENAME TO runs;
            CREATE TABLE odd AS SELECT * FROM step_results; DROP TABLE step_results;
            ALTER TABLE odd RENAME TO step_results;
            UPDATE runs SET id=9223372036854775807 WHERE id=2;
            UPDATE runs SET run_uuid=(SELECT run_uuid FROM runs WHERE id=1) WHERE id=3;
            UPDATE runs SET total_steps=9e999, params='{"a": 1e400, "b": NaN}' WHERE id=4;
            UPDATE step_results SET duration_ms=9e999, exports='{"a": Infinity}' WHERE run_id=1;
            UPDATE step_results SET id='same' WHERE run_id=12;
            """
        )
        deep = '{"a":' + "[" * 5000 + "]" * 5000 + "}"
        connection.execute("UPDATE runs SET params=? WHERE id=5", [deep])
        connection.commit()
    with app.app_context():
        summary = import_base(database)
        # And one for the steps of the UUID that was lost.
        assert summary.runs.added == 33 + 1
        assert summary.kept_out["an id that another step has"] == 6
        again = import_base(database)
        assert (again.runs.added, again.runs.changed, again.steps.added) == (0, 0, 0)


def test_names_with_nul_and_lone_surrogates_do_not_end_an_import(
    app: Flask, base_copy: Path
) -> None:
    log = base_copy / "workspaces-osmedeus" / "killed.example.com" / "run-execution.log"
    log.chmod(0o644)
    with log.open("ab") as file:
        file.write(
            b'{"level":"ERROR","timestamp":"2026-11-23T22:23:22+00:00","message":"Step failed",'
            b'"step_name":"a\\u0000b\\ud800","step_type":"x\\u0000","command":"y\\ud800",'
            b'"duration":0.5,"error":"z\\u0000"}\n'
        )
    with app.app_context():
        assert import_base(base_copy / "base").steps.added == 176
        step = db.session.execute(select(Step).where(Step.command == "y\ufffd")).scalar_one()
        assert (step.step_name, step.step_type) == ("a\u2400b\ufffd", "x\u2400")
        again = import_base(base_copy / "base")
        assert (again.steps.added, again.steps.changed) == (0, 0)


def test_artifacts_that_share_an_id_are_kept_out_and_said(app: Flask, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            """
            CREATE TABLE odd AS SELECT * FROM artifacts; DROP TABLE artifacts;
            ALTER TABLE odd RENAME TO artifacts;
            UPDATE artifacts SET id='same' WHERE rowid <= 3;
            UPDATE artifacts SET id=NULL WHERE rowid = 4;
            """
        )
    with app.app_context():
        summary = import_base(database)
        assert summary.artifacts.added == 44 - 3
        assert summary.kept_out == {"artifact without an id of its own": 3}


def test_of_the_rows_of_one_id_the_first_that_can_be_imported_is_the_step(
    app: Flask, database: Path
) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            """
            CREATE TABLE odd AS SELECT * FROM step_results ORDER BY run_id, rowid;
            DROP TABLE step_results; ALTER TABLE odd RENAME TO step_results;
            UPDATE step_results SET id='same', step_name='n' || rowid WHERE rowid <= 4;
            UPDATE step_results SET status='exploded' WHERE rowid IN (1, 3, 7);
            UPDATE step_results SET id=NULL WHERE rowid IN (5, 6);
            UPDATE step_results SET id='a' || char(0) || 'b' WHERE rowid = 8;
            UPDATE step_results SET id='a␀b' WHERE rowid = 9;
            """
        )
    with app.app_context():
        summary = import_base(database)
        # In the order in which they stand in the base.
        assert list(summary.kept_out.items()) == [
            ("unknown status 'exploded'", 2),
            ("an id that another step has", 3),
            ("no id", 2),
        ]
        steps = db.session.execute(select(Step).where(Step.source_key == "same")).scalars()
        assert [step.step_name for step in steps] == ["n2"]


def test_steps_of_runs_that_are_gone_stand_in_the_order_of_their_ends(
    app: Flask, database: Path
) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "UPDATE step_results SET run_uuid='', run_id=CASE rowid % 2 "
            "WHEN 1 THEN 98 ELSE 99 END, step_name=rowid WHERE run_id IN (1, 2)"
        )
        expected = [
            connection.execute(
                "SELECT step_name FROM step_results WHERE run_id=? ORDER BY completed_at, rowid",
                [run_id],
            ).fetchall()
            for run_id in (98, 99)
        ]
        connection.commit()
    with app.app_context():
        import_base(database)
        gone = select(Run).where(Run.status == "unknown").order_by(Run.source_key)
        runs = db.session.execute(gone).scalars().all()
        assert [run.source_key for run in runs] == ["missing:98", "missing:99"]
        for run, names in zip(runs, expected, strict=True):
            steps = select(Step.step_name).where(Step.run_id == run.id).order_by(Step.position)
            assert [tuple(row) for row in db.session.execute(steps)] == names
