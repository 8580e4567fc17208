"""Write the log: a line a request, to standard error, as text or as JSON."""

import json
import logging
import re
import sys
import time
from typing import Any, TextIO, cast
from urllib.parse import quote

from flask import Flask, Response
from flask.globals import request_ctx
from pythonjsonlogger.json import JsonFormatter
from werkzeug.local import LocalProxy

from .auth import signed_in
from .config import Settings
from .measuring import cost_of_request
from .request_ids import current_request_id

# What a line of text says after its message, in this order; JSON has the same names.
FIELDS = (
    "status",
    "duration_ms",
    "db_ms",
    "n_statements",
    "endpoint",
    "user",
    "address",
    "statement",
    "request_id",
)
# What asks by itself, over and over: its lines are for who looks for a fault.
QUIET_ENDPOINTS = frozenset(
    {"static", "health.show_health", "health.show_readiness", "metrics.show_metrics"}
)
# Who was not let in, may not do this, or tried too often: also where the log has only warnings.
REFUSALS = frozenset({401, 403, 429})
MAX_PATH = 500
_KEPT_IN_PATHS = "/!$&'()*+,;=:@~"
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN = re.compile(r"[\w.:@/+-]+")
_logger = logging.getLogger("webapp.requests")


class TextFormatter(logging.Formatter):
    """A line of text: time, level, message, then names and values.

    What follows in further lines, a traceback say, is indented, and control characters are
    named: nothing that was sent can pass for a line of ours.
    """

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        """Put the time and the level before the message."""
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Add the fields that the record has to its first line."""
        values = record.__dict__
        told = "".join(
            f" {name}={_quote(values[name])}" for name in FIELDS if values.get(name, "") != ""
        )
        first, *rest = super().formatMessage(record).split("\n", 1)
        return "\n".join((first + told, *rest))

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and what belongs to it."""
        return _CONTROL.sub(_escape, super().format(record)).replace("\n", "\n    ")


class _RequestIds(logging.Filter):
    """Add the id of the request to what is logged while it is answered."""

    def filter(self, record: logging.LogRecord) -> bool:
        if request_id := current_request_id():
            record.request_id = request_id
        return True


# One for all applications of the process. Tests and supervisors put another stderr in its place.
_handler = logging.StreamHandler(cast(TextIO, LocalProxy(lambda: sys.stderr)))
_handler.addFilter(_RequestIds())


def init_logs(app: Flask, settings: Settings) -> None:
    """Set the log up, and write a line after each request."""
    _handler.setFormatter(_json_formatter() if settings.log_format == "json" else TextFormatter())
    # All others of ours are below it, and app.logger is it.
    logger = logging.getLogger(app.import_name)
    logger.setLevel(settings.log_level.upper())
    if _handler not in logger.handlers:
        logger.addHandler(_handler)
    app.after_request(_log_request)


def _json_formatter() -> JsonFormatter:
    return JsonFormatter(
        ("levelname", "name", "message"),
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp="time",
    )


def _log_request(response: Response) -> Response:
    level = logging.DEBUG if request_ctx.request.endpoint in QUIET_ENDPOINTS else logging.INFO
    if response.status_code in REFUSALS:
        level = logging.WARNING
    if _logger.isEnabledFor(level):
        # Without the query string: it may hold what nobody should keep.
        told = _describe(response)
        _logger.log(level, "%s %s", told["method"], told["path"], extra=told)
    return response


def _describe(response: Response) -> dict[str, Any]:
    """Return what a line says of a request; the database is not asked for it."""
    # Straight from the context: each way through the proxy `request` costs as much as a field.
    request = request_ctx.request
    cost = cost_of_request()
    user = signed_in(may_ask=False)
    return {
        "method": request.method,
        "path": quote(request.path, safe=_KEPT_IN_PATHS)[:MAX_PATH],
        "endpoint": request.endpoint or "",
        "status": response.status_code,
        "duration_ms": round(cost.elapsed_s() * 1000, 1),
        "db_ms": round(cost.database_s * 1000, 1),
        "n_statements": cost.n_statements,
        "user": user.username if user else "",
        "address": request.remote_addr or "",
    }


def _quote(value: Any) -> str:
    text = str(value)
    if value.__class__ is not str:
        return text
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
