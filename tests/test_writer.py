"""The writer: counts, idempotence, and what it keeps out of the database."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from webapp.extensions import db
from webapp.filters import StepFilters
from webapp.ingest.batches import BatchSize
from webapp.ingest.bulk import ROWS_AT_ONCE
from webapp.ingest.errors import SourceError
from webapp.ingest.writer import Writer
from webapp.models import Run, Step, StepCount, StepStatus
from webapp.queries.counts import count_by_kept_counts

from .data import START, make_run, make_source, make_step, write


def recount(app: Flask) -> dict[tuple[str, str, str], int]:
    with app.app_context():
        columns = (Step.workspace, Step.status, Step.step_type)
        rows = db.session.execute(select(*columns, func.count()).group_by(*columns))
        return {(a, b, c): n for a, b, c, n in rows}


def kept(app: Flask, block_is_total: bool) -> dict[tuple[str, str, str], int]:
    with app.app_context():
        columns = (StepCount.workspace, StepCount.status, StepCount.step_type)
        which = StepCount.block == -1 if block_is_total else StepCount.block >= 0
        rows = db.session.execute(
            select(*columns, func.sum(StepCount.n)).where(which).group_by(*columns)
        )
        return {(a, b, c): int(n) for a, b, c, n in rows if n}


def test_writing_twice_changes_nothing(app: Flask) -> None:
    source_id = make_source(app)
    for _ in range(2):
        ids = write(app, [make_run()], [make_step(1, n) for n in range(1, 4)], source_id=source_id)
    assert ids == {"run-1": 1}
    with app.app_context():
        assert db.session.execute(select(Step.id).order_by(Step.id)).scalars().all() == [1, 2, 3]
        assert db.session.execute(select(Run.steps_completed)).scalar_one() == 3
    assert recount(app) == kept(app, True) == kept(app, False)


def test_a_step_that_went_on_is_updated_and_counted_anew(app: Flask) -> None:
    source_id = make_source(app)
    running = make_step(1, 1, status=StepStatus.RUNNING, completed_at=None, source_key="place")
    write(app, [make_run()], [running], source_id=source_id)
    ended = make_step(1, 1, source_key="uuid", place_key="place", status=StepStatus.FAILED)
    write(app, [make_run()], [ended], source_id=source_id)
    with app.app_context():
        step = db.session.execute(select(Step)).scalar_one()
        assert (step.id, step.status, step.source_key) == (1, "failed", "uuid")
        run = db.session.execute(select(Run)).scalar_one()
        assert (run.steps_running, run.steps_failed) == (0, 1)
        assert count_by_kept_counts(StepFilters(status=("failed",))) == 1
    assert recount(app) == kept(app, True) == kept(app, False)


def test_two_writers_take_turns_without_doubling(app: Flask) -> None:
    source_id = make_source(app)
    with app.app_context():
        first, second = (Writer(db.engine, source_id) for _ in range(2))
        first.put_runs([make_run()])
        for writer, numbers in ((first, (1, 2, 3)), (second, (2, 3, 4)), (first, (4, 5))):
            for n in numbers:
                writer.put_step(make_step(1, n))
            writer.flush()
        assert (first.summary.steps.added, first.summary.steps.unchanged) == (4, 1)
        assert (second.summary.steps.added, second.summary.steps.unchanged) == (1, 2)
    assert recount(app) == kept(app, True)


def test_a_run_takes_its_own_number_when_free_and_the_next_otherwise(app: Flask) -> None:
    first = write(app, [make_run("a", wanted_id=7)], source_id=make_source(app, "one"))
    second = write(
        app,
        [make_run("a", wanted_id=7), make_run("b", wanted_id=3)],
        source_id=make_source(app, "two"),
    )
    assert first == {"a": 7}
    assert second == {"a": 8, "b": 3}


def test_what_no_engine_keeps_is_made_visible(app: Flask) -> None:
    params = {"a\0": ["b\0", {"c": "\ud800"}]}
    step = make_step(1, 1, output="a\0b\ud800c", command="x\0", exports={"k": "\0"})
    write(app, [make_run(params=params)], [step])
    with app.app_context():
        stored = db.session.execute(select(Step)).scalar_one()
        assert stored.output == "a␀b�c"
        assert stored.output_bytes == len("a␀b�c".encode())
        assert stored.command == "x␀"
        assert stored.exports == {"k": "␀"}
        assert db.session.execute(select(Run)).scalar_one().params == {"a␀": ["b␀", {"c": "�"}]}


def test_times_keep_microseconds_and_sort_as_times(app: Flask) -> None:
    offsets = [timedelta(), timedelta(microseconds=1), timedelta(milliseconds=100)]
    steps = [make_step(1, n, started_at=START + offset) for n, offset in enumerate(offsets)]
    write(app, [make_run()], reversed(steps))
    with app.app_context():
        found = db.session.execute(select(Step.started_at).order_by(Step.started_at)).scalars()
        assert list(found) == [START + offset for offset in offsets]
        later = select(func.count()).where(Step.started_at > START)
        assert db.session.execute(later).scalar_one() == 2


def test_many_steps_are_written_as_they_are(app: Flask) -> None:
    odd = (
        "tab\there",
        "back\\slash \\N \\.",
        "quote \" and '",
        "line\n\r\nline",
        "ü \u2028 🙂",
        "",
    )
    values = ({"a": [1, 2.5, None, "x\ty"]}, None, {})
    steps = [
        make_step(
            1,
            n,
            output=odd[n % len(odd)],
            command=odd[n % 5],
            exports=values[n % len(values)],
            completed_at=None if n % 4 == 0 else START + timedelta(microseconds=n),
        )
        # More than one statement of many rows, and a rest.
        for n in range(1, 2 * ROWS_AT_ONCE + 8)
    ]
    write(app, [make_run()], steps)
    with app.app_context():
        stored = db.session.execute(select(Step).order_by(Step.id)).scalars().all()
        assert len(stored) == len(steps)
        for one, step in zip(stored, steps, strict=True):
            told = (step.position, step.output, step.command, step.exports, step.completed_at)
            assert (one.position, one.output, one.command, one.exports, one.completed_at) == told
    assert recount(app) == kept(app, True)


def test_where_batches_take_long_they_become_small(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("BATCH_ROWS", 8), ("LEAST_ROWS", 3), ("BATCH_S", 0.0)):
        monkeypatch.setattr(f"webapp.ingest.batches.{name}", value)
    sizes = []
    write_batch = Writer._write_batch

    def watch(writer: Writer, batch: Sequence[Any]) -> Any:
        sizes.append(len(batch))
        return write_batch(writer, batch)

    monkeypatch.setattr(Writer, "_write_batch", watch)
    with app.app_context(), Writer(db.engine, make_source(app)) as writer:
        writer.put_runs([make_run()])
        for n in range(1, 16):
            writer.put_step(make_step(1, n))
            # Else the batch after the first may begin to gather before that is measured.
            if n == 8:
                writer.flush()
    assert sizes == [8, 3, 3, 1]
    assert recount(app) == kept(app, True)


@pytest.mark.parametrize(
    ("n_rows", "seconds", "then"),
    [(20_000, 0.4, 20_000), (20_000, 2.0, 10_000), (2_000, 0.0, 20_000), (9, 9.0, 1_000)],
)
def test_a_batch_is_meant_to_take_a_second(n_rows: int, seconds: float, then: int) -> None:
    size = BatchSize()
    size.learn(n_rows, seconds)
    assert size.is_reached(then, 0) and not size.is_reached(then - 1, 0)


def test_what_is_wrong_with_a_batch_is_raised_and_the_rest_stays(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.ingest.batches.BATCH_ROWS", 2)
    source_id = make_source(app)
    with app.app_context():
        writer = Writer(db.engine, source_id)
        with pytest.raises(IntegrityError) as raised, writer:  # noqa: PT012 - raised at any of them
            writer.put_runs([make_run()])
            for run_id, n in ((1, 1), (1, 2), (999, 3), (1, 4), (1, 5), (1, 6)):
                writer.put_step(make_step(run_id, n))
        # Of a statement with a thousand question marks nobody wants to read in a log.
        assert len(str(raised.value)) < 1_000
        assert writer.summary.steps.added == 2
    assert sum(recount(app).values()) == sum(kept(app, True).values()) == 2


def test_an_error_of_the_source_is_told_and_not_that_of_the_batch(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.ingest.batches.BATCH_ROWS", 2)
    source_id = make_source(app)

    def read() -> None:
        with Writer(db.engine, source_id) as writer:
            writer.put_runs([make_run()])
            writer.put_step(make_step(999, 1))
            writer.put_step(make_step(999, 2))
            raise SourceError("cannot be read")

    with app.app_context(), pytest.raises(SourceError, match="cannot be read"):
        read()
    assert recount(app) == {}


def test_references_are_checked_of_steps_that_change_too(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.ingest.bulk.KEYS_PER_QUERY", 1)
    write(app, [make_run()], [make_step(1, 1), make_step(1, 2)])
    with app.app_context(), pytest.raises(IntegrityError), Writer(db.engine, 1) as writer:
        writer.put_step(make_step(1, 3))
        writer.put_step(make_step(999, 2, source_key=make_step(1, 2).source_key))
    with app.app_context(), pytest.raises(IntegrityError), Writer(db.engine, 999) as writer:
        writer.put_step(make_step(1, 3))
    assert sum(recount(app).values()) == 2


def test_of_a_batch_with_a_key_twice_nothing_stays(app: Flask) -> None:
    steps = [make_step(1, n) for n in range(1, 1_500)]
    with pytest.raises(IntegrityError):
        write(app, [make_run()], [*steps, steps[700]])
    assert recount(app) == kept(app, True) == {}
