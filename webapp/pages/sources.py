"""Show the bases that were imported, and import one again."""

from datetime import datetime
from typing import Any

from flask import current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ..columns import utc_now
from ..formats import duration
from ..ingest.again import can_import, find_missing_path, is_demo, is_importing
from ..ingest.background import refuse_or_start
from ..models import Source
from ..queries.sources import Holdings, count_holdings, find_sources, get_source
from . import bp
from .source_facts import import_command, summary_lines, warnings_of


@bp.get("/sources")
def list_sources() -> str:
    """List all bases with what their last import found."""
    return _draw_list()


@bp.get("/sources/<int:source_id>/state")
def show_source_state(source_id: int) -> str:
    """Draw how the import of a base stands; when it has ended, what it found too."""
    source = get_source(source_id)
    return render_template(
        "sources/_state.html", is_poll=True, **_describe(source, count_holdings(source_id))
    )


@bp.post("/sources/<int:source_id>/import")
def import_source(source_id: int) -> ResponseReturnValue:
    """Import a base again, in the background; refuse it while that is going on."""
    source = get_source(source_id)
    if refusal := refuse_or_start(_application(), source):
        return _draw_list(refusal), 409
    return redirect(url_for("pages.list_sources"), 303)


def _application() -> Any:
    # The thread that waits for the import has no application context of its own.
    return current_app._get_current_object()  # type: ignore[attr-defined]


def _draw_list(refusal: str = "") -> str:
    holdings = count_holdings()
    sources = [_describe(source, holdings) for source in find_sources()]
    return render_template("sources/list.html", sources=sources, refusal=refusal)


def _describe(source: Source, holdings: dict[int, Holdings]) -> dict[str, Any]:
    """Return what the templates of one base need."""
    began = source.import_began_at
    return {
        "source": source,
        "holdings": holdings.get(source.id, Holdings()),
        "is_demo": is_demo(source),
        "is_importing": is_importing(source),
        "is_given_up": began is not None and not is_importing(source),
        "importing_for": _since(began) if began else "",
        "can_import": can_import(source),
        "missing": find_missing_path(source),
        "lines": summary_lines(source.summary),
        "warnings": warnings_of(source.summary),
        "command": import_command(source),
    }


def _since(began: datetime) -> str:
    """Return how long ago an import began, in whole seconds: it is drawn anew each second."""
    seconds = max(int((utc_now() - began).total_seconds()), 0)
    return f"{seconds} s" if seconds < 60 else duration(seconds * 1000)
