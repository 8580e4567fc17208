"""The demo: the real base, moved in time by a fixed rule."""

from datetime import timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from webapp.columns import utc_now
from webapp.extensions import db
from webapp.ingest.demo import NEWEST_ENDED, SPREAD, import_demo
from webapp.ingest.osmedeus.importer import import_base
from webapp.models import Run, Source, Step


def silent(what: str, done: int, total: int) -> None:
    """Show no progress."""


def test_the_runs_spread_over_two_weeks_and_the_newest_ended_minutes_ago(app: Flask) -> None:
    with app.app_context():
        import_demo(silent)
        now = utc_now()
        ends = sorted(end for end in db.session.execute(select(Run.completed_at)).scalars() if end)
        assert timedelta() < now - ends[-1] - NEWEST_ENDED < timedelta(minutes=1)
        assert SPREAD - timedelta(days=2) < now - ends[0] < SPREAD + timedelta(hours=1)
        days = {end.date() for end in ends}
        assert len(days) >= 12
        late = db.session.execute(select(Step.id).where(Step.started_at > now)).first()
        assert late is None


def test_moving_keeps_durations_order_and_runs_of_one_group_together(
    app: Flask, sample: Path
) -> None:
    with app.app_context():
        import_base(sample / "base", name="as it was")
        import_demo(silent)
        runs: dict[str, list[Run]] = {}
        for run in db.session.execute(select(Run).order_by(Run.id)).scalars():
            runs.setdefault(run.run_uuid, []).append(run)
        moved = sorted(
            (pair for pair in runs.values() if pair[0].started_at),
            key=lambda pair: pair[0].started_at or utc_now(),
        )
        starts = [pair[1].started_at for pair in moved if pair[1].started_at]
        assert starts == sorted(starts)
        shift_of_group: dict[str, set[timedelta]] = {}
        for old, new in moved:
            assert old.started_at and new.started_at
            if old.completed_at and new.completed_at:
                assert old.completed_at - old.started_at == new.completed_at - new.started_at
            if old.run_group_id:
                shifts = shift_of_group.setdefault(old.run_group_id, set())
                shifts.add(new.started_at - old.started_at)
        assert {len(shifts) for shifts in shift_of_group.values()} == {1}


def test_the_demo_is_not_moved_again(app: Flask) -> None:
    with app.app_context():
        import_demo(silent)
        again = import_demo(silent)
        assert (again.steps.added, again.steps.changed, again.runs.changed) == (0, 0, 0)
        (source,) = db.session.execute(select(Source)).scalars().all()
        assert (source.name, source.path) == ("demo", "osmedeus-5.1.0.tar.xz")


def test_a_base_of_one_s_own_is_never_moved(app: Flask, sample: Path) -> None:
    with app.app_context():
        import_base(sample / "base")
        run = db.session.get_one(Run, 1)
        assert run.started_at is not None
        assert run.started_at.isoformat() == "2026-11-23T22:22:47.028123+00:00"
