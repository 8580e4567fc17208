"""Show one step and what it printed."""

from flask import Response, render_template, request

from ..masking import named_values
from ..queries.outputs import iter_output, read_excerpt
from ..queries.runs import find_neighbour
from ..queries.steps import get_step
from ..terminal import render_lines
from . import bp


@bp.get("/steps/<int:step_id>")
def show_step(step_id: int) -> str:
    """Show a step: its error, its command, and the end of its output or all of it."""
    step = get_step(step_id)
    excerpt = read_excerpt(step)
    return render_template(
        "steps/show.html",
        step=step,
        run=step.run,
        excerpt=excerpt,
        lines=render_lines(excerpt.text),
        exports=named_values(step.exports),
        previous=find_neighbour(step.run_id, step.position, forward=False),
        next=find_neighbour(step.run_id, step.position, forward=True),
    )


@bp.get("/steps/<int:step_id>/output.txt")
def show_step_output(step_id: int) -> Response:
    """Send the whole output as plain text; `?download=1` makes a file of it."""
    step = get_step(step_id)
    response = Response(iter_output(step), content_type="text/plain; charset=utf-8")
    response.content_length = step.output_bytes
    kind = "attachment" if request.args.get("download") == "1" else "inline"
    filename = f"run-{step.run_id}-step-{step.id}.txt"
    response.headers.set("Content-Disposition", kind, filename=filename)
    return response
