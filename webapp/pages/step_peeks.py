"""Show the end of what a step printed, in its row on the page of its run."""

from flask import render_template, request
from werkzeug.exceptions import BadRequest

from ..filters import ArgsReader
from ..queries.peeks import read_peek
from ..queries.steps import get_step
from ..terminal import render_lines
from . import bp


@bp.get("/steps/<int:step_id>/peek")
def show_step_peek(step_id: int) -> str:
    """Show a step's error and the last lines of its output."""
    reader = ArgsReader(request.args, blank_is_absent=True)
    reader.refuse_unknown(())
    if reader.errors:
        raise BadRequest("; ".join(map(str, reader.errors)))
    step = get_step(step_id)
    peek = read_peek(step)
    return render_template(
        "runs/_peek.html", step=step, peek=peek, lines=render_lines("\n".join(peek.lines))
    )
