"""Answer with the document of the API itself."""

from flask import Response, current_app

from . import bp
from .describing import describe
from .json import json_response
from .openapi import make_document
from .resources import Answer

DOCUMENT = Answer(
    "The document.",
    {"type": "object", "properties": {"openapi": {"type": "string"}}, "required": ["openapi"]},
)


@bp.get("/openapi.json")
@describe(DOCUMENT)
def show_openapi() -> Response:
    """Show this API as an OpenAPI 3.1 document."""
    return json_response(make_document(current_app))
