"""Answer the page of a run that goes on: what has changed since it last asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from flask import render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from ..filters import ArgsReader
from ..live import is_live, version_of
from ..models import Run
from ..queries.run_steps import (
    RunStep,
    find_run_steps_after,
    find_run_steps_by_ids,
)
from ..queries.runs import get_run
from . import bp
from .run_details import RunSteps, facts_of, gather_steps, moving_facts_of
from .run_steps import StepView, make_live_table, make_table, page_size


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows of a run: `n` steps, the last at the place `after`.

    `step` are those that may change, and the last; `seen` is the version of it all.
    """

    view: StepView
    n: int
    after: int
    step: tuple[int, ...]
    seen: str

    @classmethod
    def from_args(cls, args: MultiDict[str, str]) -> Self:
        """Read the query string, which the page itself has written; raises BadRequest."""
        reader = ArgsReader(args, blank_is_absent=True)
        reader.refuse_unknown(("show", "offset", "n", "after", "step", "seen"))
        n, after = reader.integer("n", 0), reader.integer("after", 0)
        step, seen = reader.integers("step"), reader.text("seen")
        view = StepView.read(reader)
        if view.errors:
            raise BadRequest("; ".join(map(str, view.errors)))
        return cls(view, n, after, step, seen)


@bp.get("/runs/<int:run_id>/live")
def show_run_live(run_id: int) -> ResponseReturnValue:
    """Send what has changed of a run, or 204 when nothing has."""
    shown = Shown.from_args(request.args)
    run = get_run(str(run_id))
    followed = find_run_steps_by_ids(run.id, shown.step)
    if is_live(run) and version_of(run, followed) == shown.seen:
        return "", 204
    steps = gather_steps(run, shown.view, with_facts=True)
    if not shown.n:
        return _render_whole(run, shown.view, steps)
    return _render_changes(run, shown, followed, steps)


def _render_whole(run: Run, view: StepView, steps: RunSteps) -> str:
    """Render everything, as long as there was no row to change."""
    table = make_table(run, view, steps.page, sum(steps.recovered.values()))
    return render_template("runs/_live.html", run=run, table=table, **facts_of(run, steps))


def _render_changes(run: Run, shown: Shown, followed: Sequence[RunStep], steps: RunSteps) -> str:
    """Render the facts, the timeline, and those rows that are new or may have changed.

    At the end of the run all of its facts are said again, for the last time.
    """
    left = max(page_size(run) - shown.n, 0)
    new = find_run_steps_after(run.id, shown.after, shown.view.show, left) if left else []
    recovered = sum(steps.recovered.values())
    table = make_live_table(run, shown.view, followed, new, shown.n, recovered)
    find_facts = moving_facts_of if is_live(run) else facts_of
    return render_template(
        "runs/_live.html", run=run, table=table, after=shown.after, **find_facts(run, steps)
    )
