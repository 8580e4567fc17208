"""The real base: each run has exactly the steps that truth.json says ran in it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from webapp.extensions import db
from webapp.ingest.osmedeus.importer import import_base
from webapp.models import Artifact, Run, Source, Step

from ..conftest import make_app
from ..shared import make_shared_database, refuse_writes

# What the console logs of the real base still hold: each folder's last run only.
SKIPPED_IN_CONSOLES = {
    ("a-very-long-name-of-a-host-that-goes-past-thirty-letters.example.com", "deep-enumeration"),
    ("g2.example.com", "deep-enumeration"),
    ("both.example.com", "deep-enumeration"),
    ("example.org", "inspect-archive"),
    ("shop.example.com", "inspect-archive"),
}


@pytest.fixture
def truth(sample: Path) -> dict[str, Any]:
    """Return what really ran, by run_uuid."""
    return dict(json.loads((sample / "truth.json").read_text()))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def imported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sample: Path
) -> Iterator[Flask]:
    """Return an application that has imported the real base, and refuses to write since."""
    app = make_app(make_shared_database(request, tmp_path_factory.mktemp("truth"), "test_truth"))
    with app.app_context():
        import_base(sample / "base")
    refuse_writes(app)
    yield app
    with app.app_context():
        db.engine.dispose()


def test_the_tests_below_cannot_change_what_they_share(imported: Flask) -> None:
    with imported.app_context():
        assert db.session.execute(select(Step.id)).first()
        with pytest.raises(DBAPIError, match="readonly|read-only"):
            db.session.execute(update(Step).values(step_name="changed"))


def steps_of(run_uuid: str) -> list[Step]:
    statement = select(Step).join(Run).where(Run.run_uuid == run_uuid).order_by(Step.position)
    return list(db.session.execute(statement).scalars())


def test_each_run_has_exactly_the_completed_and_failed_steps_that_ran(
    imported: Flask, truth: dict[str, Any]
) -> None:
    ended = 0
    with imported.app_context():
        for run_uuid, told in truth.items():
            found = [
                (step.step_name, step.status, step.duration_ms, step.command, step.error)
                for step in steps_of(run_uuid)
                if step.status in ("completed", "failed")
            ]
            expected = [
                (
                    step["name"],
                    step["status"],
                    step["duration_ms"],
                    step["command"],
                    step.get("error", ""),
                )
                for step in told["steps"]
                if step["status"] != "skipped"
            ]
            assert found == expected, f"{told['workflow']} on {told['target']} ({run_uuid})"
            ended += len(found)
    assert len(truth) == 31
    assert ended == 149 + 20


def test_the_steps_of_all_statuses_add_up(imported: Flask) -> None:
    with imported.app_context():
        statuses = list(db.session.execute(select(Step.status)).scalars())
    counts = {status: statuses.count(status) for status in sorted(set(statuses))}
    assert counts == {"completed": 149, "failed": 20, "running": 1, "skipped": 5}


def test_the_step_at_work_when_the_engine_was_killed_is_running(
    imported: Flask, truth: dict[str, Any]
) -> None:
    with imported.app_context():
        running = db.session.execute(
            select(Step, Run).join(Run).where(Step.status == "running")
        ).all()
        ((step, run),) = running
        assert truth[run.run_uuid]["unfinished"] == [step.step_name] == ["first-wait"]
        assert (step.recovered, step.step_type, step.completed_at) == ("console log", "bash", None)
        assert step.command == 'for i in 1 2 3; do echo "tick $i"; sleep 3; done'
        assert run.status == "running"


def test_every_skipped_step_that_the_consoles_still_hold_stands_in_its_place(
    imported: Flask, truth: dict[str, Any]
) -> None:
    found = set()
    with imported.app_context():
        rows = db.session.execute(
            select(Run.run_uuid, Run.target).join(Step).where(Step.status == "skipped")
        )
        for run_uuid, target in rows:
            steps = [(step.step_name, step.status) for step in steps_of(run_uuid)]
            assert steps == [(step["name"], step["status"]) for step in truth[run_uuid]["steps"]]
            found |= {(target, name) for name, status in steps if status == "skipped"}
    assert found == SKIPPED_IN_CONSOLES


def test_outputs_are_whole_and_errors_stand_with_their_steps(imported: Flask) -> None:
    with imported.app_context():
        noise = db.session.execute(
            select(Step).join(Run).where(Step.step_name == "many-lines", Run.id == 12)
        ).scalar_one()
        assert noise.output_lines == 20_000
        assert noise.output.splitlines()[-1].startswith("020000 worker-")
        lost = db.session.execute(
            select(Step).where(Step.step_name == "scan-log", Step.run_id == 6)
        ).scalar_one()
        assert lost.recovered == "execution log"
        assert lost.output_lines == 400


def test_recovered_times_keep_within_the_run_and_in_order(imported: Flask) -> None:
    with imported.app_context():
        for run in db.session.execute(select(Run).where(Run.status != "cancelled")).scalars():
            steps = [step for step in steps_of(run.run_uuid) if step.recovered]
            for step in steps:
                assert run.started_at is not None and step.started_at is not None
                assert run.started_at <= step.started_at
                assert step.completed_at is None or step.started_at <= step.completed_at
                if run.completed_at and step.completed_at:
                    assert step.completed_at <= run.completed_at
            ends = [step.completed_at for step in steps_of(run.run_uuid) if step.completed_at]
            if all(step.recovered for step in steps):
                assert [end.replace(microsecond=0) for end in ends] == sorted(
                    end.replace(microsecond=0) for end in ends
                )


def test_modules_of_flows_are_named(imported: Flask) -> None:
    with imported.app_context():
        flow = db.session.execute(
            select(Run).where(Run.workflow_name == "nightly", Run.target == "example.com")
        ).scalar_one()
        assert [(step.step_name, step.module_name) for step in steps_of(flow.run_uuid)] == [
            ("announce-start", ""),
            ("find-hosts", "discover"),
            ("resolve-hosts", "discover"),
            ("inspect-ports", "inspect"),
            ("inspect-tls", "inspect"),
            ("inspect-headers", "inspect"),
            ("write-report", "report"),
            ("find-hosts", "report"),
            ("announce-end", ""),
        ]


def test_runs_keep_their_numbers_parameters_and_artifacts(imported: Flask) -> None:
    with imported.app_context():
        runs = db.session.execute(select(Run).order_by(Run.id)).scalars().all()
        assert [run.id for run in runs] == list(range(1, 34))
        assert runs[2].params is not None and runs[2].params["deep"] == "true"
        assert {run.status for run in runs} == {
            "completed",
            "failed",
            "cancelled",
            "running",
            "queued",
            "pending",
        }
        assert len(db.session.execute(select(Artifact.id)).all()) == 44


def test_the_summary_adds_up(app: Flask, sample: Path) -> None:
    with app.app_context():
        summary = import_base(sample / "base").to_dict()
        source = db.session.execute(select(Source)).scalar_one()
        assert source.summary == summary
    steps = summary["steps"]
    assert summary["runs"] == {"in_database": 33, "added": 33, "changed": 0, "unchanged": 0}
    assert (steps["in_database"], steps["in_logs"], steps["in_both"]) == (109, 169, 109)
    assert steps["recovered"] == {"completed": 40, "failed": 20, "skipped": 5, "running": 1}
    assert not any(steps["not_placed"].values())
    assert steps["kept_out"] == {}
    assert steps["in_logs"] == steps["in_both"] + 40 + 20
    assert steps["imported"] == steps["in_database"] + sum(steps["recovered"].values()) == 175
    assert summary["damaged_lines"] == 0
