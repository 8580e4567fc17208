"""Render pages and the fragments of them that htmx asks for; hold the template filters."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, g, make_response, render_template, url_for
from flask_login import current_user
from htmx_flask import request
from markupsafe import Markup

from . import formats, marks, terminal
from .auth import shown_path, signed_in
from .filters import PAGE_SIZES
from .masking import MAX_SHOWN, MAX_VALUES
from .models import StepType
from .queries.state import find_state
from .queries.workflows import EndedRun
from .static_files import static_url

FILTERS = (
    formats.clock,
    formats.count,
    formats.curl_line,
    formats.duration,
    formats.exact,
    formats.is_at_work,
    formats.last_sign,
    formats.lasting,
    formats.plural,
    formats.run_duration_ms,
    formats.second,
    formats.size,
    formats.status_glyph,
    formats.status_word,
    formats.step_tally,
    formats.truncate_middle,
    formats.when,
    marks.glyph,
    marks.recovered_mark,
    marks.run_status_mark,
    marks.status_mark,
    marks.step_bar,
    terminal.render_text,
    terminal.visible_text,
)


# What may stand in a query string as it is.
UNQUOTED = "!$'()*,/:;?@"


def init_rendering(app: Flask) -> None:
    """Add the template filters and what every template may call."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    # As filters, which Jinja calls at once; a function it calls in twice the time.
    filters = (*FILTERS, run_path, step_path)
    app.jinja_env.filters.update({filter.__name__: filter for filter in filters})
    app.jinja_env.globals.update(
        static_url=static_url,
        history_state=find_state,
        current_user=current_user,
        is_fragment=wants_fragment,
        max_shown=MAX_SHOWN,
        max_values=MAX_VALUES,
        list_url=list_url,
        signed_in=signed_in,
        squares_of=squares_of,
        page_sizes=PAGE_SIZES,
        step_types=[kind.value for kind in StepType],
    )


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


def list_url(endpoint: str, **args: Any) -> str:
    """Return the address of a list with its query string.

    The same as `url_for` gives, tested to be, in a fifth of its time: a list has thirty links.
    """
    paths: dict[str, str] = g.setdefault("paths", {})
    path = paths.get(endpoint) or paths.setdefault(endpoint, url_for(endpoint))
    query = urlencode(args, doseq=True, safe=UNQUOTED)
    return f"{path}?{query}" if query else path


def run_path(run_id: int) -> str:
    """Return the address of a run's page; for rows, where `url_for` would cost the most of all."""
    return f"{request.script_root}/runs/{run_id}"


def squares_of(ended: Sequence[EndedRun]) -> Markup:
    """Draw how runs ended: a square each, and each a link."""
    return Markup(
        "".join(
            f'<a href="{run_path(run.id)}" tabindex="-1"><use href="#q-{run.status}" x="{n * 10}">'
            f"<title>#{run.id} {formats.status_word(run.status)}</title></use></a>"
            for n, run in enumerate(ended)
        )
    )


def step_path(step_id: int) -> str:
    """Return the address of a step's page; the same as `url_for` gives, tested to be."""
    return f"{request.script_root}/steps/{step_id}"


def _is_shown(url: str) -> bool:
    # Pushed again, the same address would make "back" seem dead.
    return shown_path() == url
