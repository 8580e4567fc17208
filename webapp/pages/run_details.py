"""Show one run: its facts, its steps on a time axis and in a table, what it left behind."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ..formats import plural
from ..live import is_live, last_known
from ..masking import named_values
from ..models import Recovered, Run, Step, StepStatus
from ..queries.comparisons import find_neighbours, find_runs_of_workflow
from ..queries.run_steps import (
    RECOVERED,
    RunStep,
    count_recovered_steps,
    find_failed_step_at,
    find_run_steps,
    find_step_groups,
    has_modules,
)
from ..queries.runs import count_artifacts_of_run, find_artifacts_of_run, get_run
from ..queries.usual import find_usual_durations
from ..rendering import render_page, step_path, wants_fragment
from ..terminal import visible_text
from ..timeline import MAX_ROWS, GroupSpan, Span, lay_out
from . import bp
from .run_steps import StepView, make_table, page_size

MAX_ARTIFACTS = 500
MAX_GROUPS = 100
LISTED_RUNS = 10
LISTED_STEPS = 3


@dataclass(frozen=True, slots=True)
class RunSteps:
    """What the page of a run knows of its steps.

    `page` are those in the table; `spans` the rows of the timeline, the first of `n_groups` when
    `grouped_by` says by what; `recovered` counts by where they were found; `failed` is the last
    one that failed, `running` the first of those at work.
    """

    page: Sequence[RunStep]
    recovered: dict[str, int]
    spans: Sequence[Span] = ()
    grouped_by: str = ""
    n_groups: int = 0
    failed: RunStep | None = None
    running: Sequence[RunStep] = ()


class FailedStep(NamedTuple):
    """The step that failed last: its place in words, and its line with the way to it."""

    name: str
    url: str
    place: str
    line: str
    line_url: str


@bp.get("/runs/<int:run_id>")
def show_run(run_id: int) -> Response:
    """Show a run and one page of its steps; htmx gets the steps alone."""
    view = StepView.from_args(request.args)
    run = get_run(str(run_id))
    is_whole = not wants_fragment()
    steps = gather_steps(run, view, with_facts=is_whole)
    context = facts_of(run, steps) if is_whole else {}
    return render_page(
        "runs/show.html",
        "runs/_steps.html",
        run=run,
        table=make_table(run, view, steps.page, sum(steps.recovered.values())),
        **context,
    )


@bp.get("/runs/<uuid:run_uuid>")
def show_run_of_uuid(run_uuid: UUID) -> ResponseReturnValue:
    """Lead from the UUID that Osmedeus knows a run by to its page."""
    return redirect(url_for("pages.show_run", run_id=get_run(str(run_uuid)).id))


def facts_of(run: Run, steps: RunSteps) -> dict[str, Any]:
    """Return what stands around the steps of a run."""
    artifacts = find_artifacts_of_run(run.id, MAX_ARTIFACTS)
    is_all = len(artifacts) < MAX_ARTIFACTS
    return {
        **moving_facts_of(run, steps),
        "artifacts": artifacts,
        "artifact_total": len(artifacts) if is_all else count_artifacts_of_run(run.id),
        "params": named_values(run.params),
        "neighbours": find_neighbours(run),
        "others": find_runs_of_workflow(run.workflow_name, LISTED_RUNS),
        "recovered": steps.recovered,
    }


def moving_facts_of(run: Run, steps: RunSteps) -> dict[str, Any]:
    """Return those of the facts that change while a run goes on."""
    usual = find_usual_durations([run.workflow_name])
    return {
        "timeline": lay_out(steps.spans, run.started_at, last_known(run)),
        "grouped_by": steps.grouped_by,
        "n_groups": steps.n_groups,
        "failure": _failure(run, steps.failed) if steps.failed else None,
        "usual": usual.get(run.workflow_name),
        "running": steps.running,
        "is_live": is_live(run),
    }


def gather_steps(run: Run, view: StepView, with_facts: bool) -> RunSteps:
    """Gather a page of the steps of a run, and with the facts all else that is told of them.

    Few steps are read once, all of them; of very many each part of the page asks for its own.
    """
    if run.count_steps() <= MAX_ROWS:
        return _find_few(run, view)
    page = find_run_steps(run.id, view.show, page_size(run), view.offset)
    return _find_many(run, page) if with_facts else RunSteps(page, count_recovered_steps(run.id))


def _find_few(run: Run, view: StepView) -> RunSteps:
    steps = find_run_steps(run.id, "", 2 * MAX_ROWS)
    wanted = [step for step in steps if not view.show or _is_shown(step, view.show)]
    found = Counter(step.recovered for step in steps if step.recovered)
    failed = [step for step in steps if step.status == StepStatus.FAILED]
    running = [step for step in steps if step.status == StepStatus.RUNNING]
    return RunSteps(
        wanted[view.offset : view.offset + page_size(run)],
        dict(found),
        steps,
        failed=failed[-1] if failed else None,
        running=running[:LISTED_STEPS],
    )


def _is_shown(step: Any, show: str) -> bool:
    if show == RECOVERED:
        return bool(step.recovered != Recovered.NO)
    return bool(step.status == show)


def _find_many(run: Run, page: Sequence[RunStep]) -> RunSteps:
    """Return what is told of very many steps, by modules where there are some, else by names."""
    noun, column = ("module", Step.module_name) if has_modules(run.id) else ("name", Step.step_name)
    found = find_step_groups(run, column, MAX_GROUPS)
    if noun == "module" and found.n < 2:
        noun, found = "name", find_step_groups(run, Step.step_name, MAX_GROUPS)
    place = found.failed_at
    failed = find_failed_step_at(run.id, place) if place is not None else None
    spans = [GroupSpan(*group) for group in found.groups]
    running = find_run_steps(run.id, StepStatus.RUNNING, LISTED_STEPS) if is_live(run) else []
    return RunSteps(page, found.recovered, spans, noun, found.n, failed, running)


def _failure(run: Run, step: Any) -> FailedStep:
    url = step_path(step.id)
    n = max(run.total_steps, run.count_steps())
    place = f"the {_ordinal(step.position)} of {plural(n, 'step')}"
    line_url = f"{url}#L{step.output_lines}" if step.output_lines else url
    return FailedStep(
        visible_text(step.step_name) or "(no name)",
        url,
        place,
        visible_text(step.preview),
        line_url,
    )


def _ordinal(n: int) -> str:
    """Return `1st`, `2nd`, `11th`, `1,003rd`."""
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{ending}"
