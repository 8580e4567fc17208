"""Tell whether the server lives and is ready, and what it is; no login needed."""

from flask import Blueprint, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ServiceUnavailable

from ..config import VERSION
from ..database import DatabaseVersionError, check_version
from ..filters import DEFAULT_LIMIT, MAX_LIMIT
from ..models import RunStatus, StepStatus, StepType
from .describing import describe
from .json import json_response
from .resources import Answer, closed_object, whole_number

bp = Blueprint("health", __name__)

HEALTHY = Answer("It lives.", closed_object({"status": {"type": "string", "const": "ok"}}))
READY = Answer("It is ready.", closed_object({"status": {"type": "string", "const": "ready"}}))
SERVER_INFO = Answer(
    "What it is.",
    closed_object(
        {
            "name": {"type": "string", "const": "Stepboard"},
            "version": {"type": "string"},
            "api": closed_object(
                {
                    "path": {"type": "string"},
                    "default_limit": whole_number("How many rows a page has without `limit`."),
                    "max_limit": whole_number("How many rows a page has at the most."),
                }
            ),
            **{
                name: {"type": "array", "items": {"type": "string"}}
                for name in ("step_statuses", "step_types", "run_statuses")
            },
        }
    ),
)


@bp.get("/health")
@describe(HEALTHY, takes_any_query=True, asks_database=False)
def show_health() -> Response:
    """Say that the server answers; the database is not looked at."""
    return json_response({"status": "ok"})


@bp.get("/health/ready")
@describe(READY, takes_any_query=True, errors={503: "It is not; the message says why."})
def show_readiness() -> Response:
    """Say whether the database answers and fits this version: 200, or 503 and what is wrong."""
    try:
        check_version()
    except DatabaseVersionError as error:
        raise ServiceUnavailable(str(error)) from error
    except SQLAlchemyError as error:
        # The error itself may tell where the database is; that is for the log only.
        current_app.logger.error("the database does not answer: %s", error)
        raise ServiceUnavailable("The database does not answer; the server's log says why.") from (
            error
        )
    return json_response({"status": "ready"})


@bp.get("/server-info")
@describe(SERVER_INFO, takes_any_query=True, asks_database=False)
def show_server_info() -> Response:
    """Say what this server is and what its API takes."""
    return json_response(
        {
            "name": "Stepboard",
            "version": VERSION,
            "api": {
                "path": f"{request.script_root}/osm/api",
                "default_limit": DEFAULT_LIMIT,
                "max_limit": MAX_LIMIT,
            },
            "step_statuses": list(StepStatus),
            "step_types": list(StepType),
            "run_statuses": list(RunStatus),
        }
    )
