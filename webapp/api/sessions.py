"""Give scripts a token for a name and a password, and take it back."""

import orjson
from flask import Response, g, request
from werkzeug.exceptions import BadRequest, Unauthorized

from ..accounts import make_token, revoke_token
from ..auth import API_LOGIN_LASTS, find_user, token_challenge
from ..columns import utc_now
from . import bp
from .describing import describe
from .json import json_response
from .resources import Answer, closed_object
from .wording import ERRORS

TOKEN = Answer(
    "An object whose `token` is good for one day.",
    closed_object({"token": {"type": "string", "description": "Not shown again."}}),
)
ENDED = Answer(
    "It is of no use any more.", closed_object({"status": {"type": "string", "const": "ok"}})
)
CREDENTIALS = {
    "type": "object",
    "properties": {
        "username": {"type": "string", "description": "The name of a user."},
        "password": {"type": "string", "description": "That user's password."},
    },
    "required": ["username", "password"],
    "examples": [{"username": "eve", "password": "correct horse battery staple"}],
}


@bp.post("/login")
@describe(
    TOKEN,
    body=CREDENTIALS,
    errors={401: "The username or the password is wrong.", 429: ERRORS[429]},
)
def login() -> Response:
    """Make a token of one day for a username and a password."""
    user = find_user(*_read_credentials())
    if user is None:
        raise Unauthorized("The username or the password is wrong.", None, token_challenge())
    expires_at = utc_now() + API_LOGIN_LASTS
    return json_response({"token": make_token(user, "API login", expires_at)})


@bp.post("/logout")
@describe(ENDED)
def logout() -> Response:
    """Make the token that was sent useless."""
    revoke_token(g.token.id)
    return json_response({"status": "ok"})


def _read_credentials() -> tuple[str, str]:
    """Return the two texts of the body; its media type does not matter, as curl's -d sets none."""
    try:
        body = orjson.loads(request.get_data())
    except orjson.JSONDecodeError:
        body = None
    fields = body if isinstance(body, dict) else {}
    username, password = fields.get("username"), fields.get("password")
    if not isinstance(username, str) or not isinstance(password, str):
        raise BadRequest('The body must be a JSON object with the texts "username" and "password".')
    return username, password
