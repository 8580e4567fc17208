"""Describe a route of the API beside it; `openapi.py` makes the document of what stands here.

A route that answers says what it gives, and by which reading of the query string:

    @bp.get("/runs")
    @describe(rows_of(RUN), query=RunFilters.read)
    def list_runs(filters: RunFilters) -> Response:
        '''List runs, newest first.'''

The first line of the docstring is the summary. `query` is called with a reader before each request,
what is wrong is answered with 400, and what it returns is the first argument; without a `query` the
route takes no parameter at all. Resources stand in `resources.py`, and each parameter has its
sentence in `wording.py`. What a route can answer besides follows from its address: see
`openapi.find_errors`. A test fails for a route without a description.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from flask import Response, request

from ..filters import ArgsReader, Reading
from .arguments import refuse
from .etags import answer_not_modified, find_etag, is_known, is_still, mark
from .kept_answers import keep, recall
from .resources import Answer

View = Callable[..., Response]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """What one route takes and gives.

    `errors` are statuses beside those that follow from the address, each with when it is sent.
    `body` is the JSON schema of the request's body. `is_versioned` tells that the answer changes
    only with the history, so that it has an ETag; unless the query goes by the clock.
    """

    answer: Answer
    query: Reading | None = None
    takes_any_query: bool = False
    body: Json | None = None
    example: Any = None
    errors: Mapping[int, str] = field(default_factory=dict)
    status: int = 200
    asks_database: bool = True
    is_versioned: bool = False


def describe(answer: Answer, **values: Any) -> Callable[[View], View]:
    """Return a decorator that gives a route its `Operation`, and reads the query string by it."""
    operation = Operation(answer, **values)

    def decorate(view: View) -> View:
        @wraps(view)
        def respond(**path: Any) -> Response:
            etag = find_etag() if operation.is_versioned else None
            if etag and (kept := recall(etag.text)):
                return answer_not_modified(etag) if is_known(etag) else kept
            asked = _read_query(operation)
            if etag is None or any(one.goes_by_clock for one in asked):
                return view(*asked, **path)
            if is_known(etag):
                return answer_not_modified(etag)
            response = view(*asked, **path)
            if is_still(etag):
                keep(etag.text, mark(response, etag))
            return response

        respond.__dict__["operation"] = operation
        return respond

    return decorate


def _read_query(operation: Operation) -> tuple[Any, ...]:
    """Return what the query string says, as arguments for the view, or answer 400."""
    if operation.takes_any_query:
        return ()
    reader = ArgsReader(request.args, blank_is_absent=False)
    if operation.query is None:
        reader.refuse_unknown(())
        asked: tuple[Any, ...] = ()
    else:
        asked = (operation.query(reader),)
    refuse(reader.errors)
    return asked
