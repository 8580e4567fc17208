"""Answer the page of a run that goes on: what has changed since it last asked."""

from dataclasses import dataclass
from typing import Any, Self

from flask import render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from ..filters import ArgsReader
from ..live import is_live, version_of
from ..models import Run
from ..queries.run_steps import (
    find_run_steps_after,
    find_run_steps_by_ids,
)
from ..queries.runs import get_run
from . import bp
from .run_details import facts_of, find_steps, moving_facts_of
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
    if not is_live(run) or not shown.n:
        return _render_whole(run, shown.view)
    if version_of(run, followed) == shown.seen:
        return "", 204
    return _render_changes(run, shown, followed)


def _render_whole(run: Run, view: StepView) -> str:
    """Render everything, once nothing more will come, or as long as there is no row yet."""
    steps = find_steps(run, view, with_facts=True)
    table = make_table(run, view, steps.page, sum(steps.recovered.values()))
    return render_template("runs/_live.html", run=run, table=table, **facts_of(run, steps))


def _render_changes(run: Run, shown: Shown, followed: Any) -> str:
    """Render the facts, the timeline, and those rows that are new or may have changed."""
    steps = find_steps(run, shown.view, with_facts=True)
    left = max(page_size(run) - shown.n, 0)
    new = find_run_steps_after(run.id, shown.after, shown.view.show, left) if left else []
    table = make_live_table(run, shown.view, followed, new, shown.n, sum(steps.recovered.values()))
    context: dict[str, Any] = moving_facts_of(run, steps)
    return render_template("runs/_live.html", run=run, table=table, after=shown.after, **context)
