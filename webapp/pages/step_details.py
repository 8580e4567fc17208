"""Show one step, and while it runs what has changed since."""

import re
from datetime import timedelta
from typing import Any

from flask import Response, render_template, request
from werkzeug.datastructures import MultiDict

from ..columns import utc_now
from ..filters import ArgsReader
from ..formats import last_sign
from ..masking import named_values
from ..models import OPEN_STATUSES, Step, StepStatus
from ..queries.outputs import read_bytes
from ..queries.runs import find_neighbour
from ..queries.same_steps import find_same_steps
from ..queries.steps import get_step
from ..rendering import render_page, wants_fragment
from . import bp
from .step_outputs import draw_output, find_telling, refuse_errors

SHOWN_ARGS = ("first", "last", "line", "q")
# What ran so much longer, or shorter, than usual is worth a word.
NOTEWORTHY_RATIO = 1.5
NOTEWORTHY_MS = 100
_EXIT_CODE = re.compile(r"\bexit(?:ed with)?(?: (?:code|status))?:? (-?\d{1,5})\b")


@bp.get("/steps/<int:step_id>")
def show_step(step_id: int) -> Response:
    """Show a step: its error, its command, and the lines of its output that are asked for."""
    reader = ArgsReader(request.args, blank_is_absent=True)
    reader.refuse_unknown(SHOWN_ARGS)
    step = get_step(step_id)
    output = draw_output(step, reader)
    if wants_fragment():
        return render_page("steps/show.html", "steps/_output.html", step=step, **output)
    return render_page(
        "steps/show.html",
        "steps/_output.html",
        **_facts_of(step),
        **_comparison_of(step),
        **output,
    )


@bp.get("/steps/<int:step_id>/progress")
def show_step_progress(step_id: int) -> str:
    """Draw what has changed of a running step since it had so many bytes and lines shown."""
    reader = ArgsReader(request.args, blank_is_absent=True)
    reader.refuse_unknown(("seen_bytes", "last"))
    last, seen_bytes = reader.integer("last", 0), reader.integer("seen_bytes", 0)
    refuse_errors(reader)
    step = get_step(step_id)
    has_grown = step.output_bytes != seen_bytes
    facts = _facts_of(step)
    context: dict[str, Any] = {}
    if not facts["is_live"]:
        context |= _comparison_of(step) | {"telling": find_telling(step, read_bytes(step))}
    draws_output = not last and (has_grown or not facts["is_live"])
    if draws_output:
        context |= draw_output(step, ArgsReader(MultiDict(), blank_is_absent=True))
    return render_template(
        "steps/_progress.html",
        **facts,
        **context,
        last=last,
        has_grown=has_grown,
        draws_output=draws_output,
        oob=True,
        is_update=True,
    )


def _comparison_of(step: Step) -> dict[str, Any]:
    same = find_same_steps(step, step.run.workflow_name)
    return {"same": same, "compared": compare_with_usual(step, same.usual_ms)}


def compare_with_usual(step: Step, usual: int | None) -> str:
    """Return how a step's time compares with its usual one, when that matters: `3×`."""
    if not usual or not step.completed_at or step.status == StepStatus.SKIPPED:
        return ""
    if abs(step.duration_ms - usual) < NOTEWORTHY_MS:
        return ""
    ratio = step.duration_ms / usual
    if ratio >= NOTEWORTHY_RATIO:
        return f"{ratio:.0f}×" if ratio >= 10 else f"{ratio:.1f}×".replace(".0×", "×")
    return ""


def _facts_of(step: Step) -> dict[str, Any]:
    exit_code = _EXIT_CODE.search(step.error)
    return {
        "step": step,
        "run": step.run,
        "is_live": _is_live(step),
        "elapsed_ms": _elapsed_ms(step),
        "exit_code": exit_code[1] if exit_code else "",
        "exports": named_values(step.exports),
        "previous": find_neighbour(step.run_id, step.position, forward=False),
        "next": find_neighbour(step.run_id, step.position, forward=True),
    }


def _is_live(step: Step) -> bool:
    """Tell whether a step may still go on: nothing is heard of a run that died."""
    is_open = step.status in (StepStatus.RUNNING, StepStatus.PENDING)
    return is_open and step.run.status in OPEN_STATUSES and not last_sign(step.run)


def _elapsed_ms(step: Step) -> float | None:
    if step.status != StepStatus.RUNNING or step.started_at is None or not _is_live(step):
        return None
    return max((utc_now() - step.started_at) / timedelta(milliseconds=1), 0)
