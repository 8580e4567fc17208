"""Answer for the bases that were imported, and import one again."""

from typing import Any

from flask import Response, current_app
from werkzeug.exceptions import Conflict

from ..filters import ListFilters
from ..ingest.background import refuse_or_start
from ..models import Source
from ..queries.sources import Holdings, count_holdings, find_sources, get_source
from . import bp
from .describing import describe
from .json import SOURCE_KEYS, json_response, list_response, row_to_dict
from .paging import Paging
from .resources import SOURCE, Answer, closed_object, rows_of

STARTED = Answer(
    "It is being imported; `GET /sources` tells when that has ended.",
    closed_object({"status": {"type": "string", "const": "started"}}),
)
NOT_NOW = "It is being imported already, or its files are gone."


@bp.get("/sources")
@describe(rows_of(SOURCE), query=ListFilters.read_page)
def list_sources(page: ListFilters) -> Response:
    """List the bases by name, each with what its last import found."""
    sources, holdings = find_sources(), count_holdings()
    shown = sources[page.offset : page.offset + page.limit]
    data = [_tell(source, holdings.get(source.id, Holdings())) for source in shown]
    return list_response(data, Paging(len(sources), page.offset, page.limit))


@bp.post("/sources/<int:source_id>/import")
@describe(STARTED, errors={409: NOT_NOW}, status=202)
def import_source(source_id: int) -> Response:
    """Import a base again, in the background."""
    source = get_source(source_id)
    # The thread that waits for the import has no application context of its own.
    application: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    if refusal := refuse_or_start(application, source):
        raise Conflict(refusal)
    return json_response({"status": "started"}, 202)


def _tell(source: Source, holdings: Holdings) -> dict[str, Any]:
    return {**row_to_dict(source, SOURCE_KEYS), **holdings._asdict()}
