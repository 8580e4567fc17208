"""Answer for the bases that were imported, and import one again."""

from typing import Any

from flask import Response, current_app
from werkzeug.exceptions import Conflict

from ..ingest.background import refuse_or_start
from ..models import Source
from ..queries.sources import Holdings, count_holdings, find_sources, get_source
from . import bp
from .arguments import read_page, refuse_parameters
from .json import SOURCE_KEYS, json_response, list_response, row_to_dict


@bp.get("/sources")
def list_sources() -> Response:
    """List the bases by name, each with what its last import found."""
    page = read_page()
    sources, holdings = find_sources(), count_holdings()
    shown = sources[page.offset : page.offset + page.limit]
    data = [_describe(source, holdings.get(source.id, Holdings())) for source in shown]
    return list_response(data, len(sources), page.offset, page.limit)


@bp.post("/sources/<int:source_id>/import")
def import_source(source_id: int) -> Response:
    """Import a base again, in the background; 409 says why that cannot be."""
    refuse_parameters()
    source = get_source(source_id)
    # The thread that waits for the import has no application context of its own.
    application: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    if refusal := refuse_or_start(application, source):
        raise Conflict(refusal)
    return json_response({"status": "started"}, 202)


def _describe(source: Source, holdings: Holdings) -> dict[str, Any]:
    return {**row_to_dict(source, SOURCE_KEYS), **holdings._asdict()}
