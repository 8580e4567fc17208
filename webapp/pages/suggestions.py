"""Suggest values while a reader types in a filter."""

from flask import abort, render_template, request

from ..filters import NOT
from ..queries.distinct import SUGGESTED, find_suggestions
from . import bp


@bp.get("/suggestions/<string:field>")
def list_suggestions(field: str) -> str:
    """Answer with the values of a field that contain what was typed, as options of a list."""
    if field not in SUGGESTED:
        abort(404, f"There is nothing to suggest for {field[:60]}.")
    typed = request.args.get(field, "").replace("\0", "")
    bare = typed.removeprefix(NOT)
    mark = NOT if bare != typed else ""
    values = [mark + value for value in find_suggestions(SUGGESTED[field], bare[:200])]
    return render_template("_suggestions.html", values=values)
