"""Render pages and the fragments of them that htmx asks for; hold the template filters."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, make_response, render_template, url_for
from htmx_flask import request

from . import formats, terminal
from .auth import shown_path
from .filters import PAGE_SIZES, RunFilters
from .models import StepType
from .queries.counts import Total, count_runs

STATIC_MAX_AGE_S = 365 * 24 * 3600
FILTERS = (
    formats.bar_segments,
    formats.clock,
    formats.count,
    formats.curl_line,
    formats.duration,
    formats.exact,
    formats.last_sign,
    formats.plural,
    formats.run_duration_ms,
    formats.size,
    formats.status_glyph,
    formats.status_word,
    formats.step_tally,
    formats.truncate_middle,
    formats.when,
    terminal.render_text,
    terminal.visible_text,
)


def init_rendering(app: Flask) -> None:
    """Add the template filters and what every template may call."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update({filter.__name__: filter for filter in FILTERS})
    app.jinja_env.globals.update(
        static_url=static_url,
        count_running=count_running,
        is_fragment=wants_fragment,
        page_sizes=PAGE_SIZES,
        step_types=[kind.value for kind in StepType],
    )
    # Safe because `static_url` puts the content's hash into the address.
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = STATIC_MAX_AGE_S


def wants_fragment() -> bool:
    """Tell whether htmx asks for a part of a page.

    A boosted link and a history restore carry the htmx headers too, but need the whole page.
    """
    return (
        bool(request.htmx) and not request.htmx.boosted and not request.htmx.history_restore_request
    )


def render_page(page: str, fragment: str, own_url: str | None = None, **context: Any) -> Response:
    """Render the whole page, or its fragment for htmx, which has the same URL.

    `own_url` is the address the list has without defaults and blanks; htmx shows that one.
    """
    response = make_response(render_template(fragment if wants_fragment() else page, **context))
    response.vary.add("HX-Request")
    if own_url and wants_fragment():
        response.headers["HX-Push-Url"] = "false" if _is_shown(own_url) else own_url
    return response


def _is_shown(url: str) -> bool:
    # Pushed again, the same address would make "back" seem dead.
    return shown_path() == url


def count_running() -> Total:
    """Count the runs that say they are running, for the top bar."""
    return count_runs(RunFilters(status=("running",)))


def static_url(filename: str) -> str:
    """Return the address of a static file, which changes with its content."""
    path = Path(str(current_app.static_folder)) / filename
    return url_for("static", filename=filename, v=_hash_of(path, path.stat().st_mtime_ns))


@cache
def _hash_of(path: Path, _changed_at: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10]
