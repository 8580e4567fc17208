"""Give scripts a token for a name and a password, and take it back."""

from typing import NamedTuple

from flask import Response, g, request
from werkzeug.exceptions import BadRequest, Forbidden, Unauthorized

from ..accounts import AccountError, make_token, revoke_token
from ..audit import known_name, record_alone
from ..auth import API_LOGIN_LASTS, find_user, token_challenge
from ..columns import utc_now
from ..models import Action, Scope
from ..throttling import forgive_tries, limit_tries, read_json_object
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
        "scope": {
            "type": "string",
            "enum": list(Scope),
            "default": Scope.READ,
            "description": "What it may do.",
        },
    },
    "required": ["username", "password"],
    "examples": [{"username": "eve", "password": "correct horse battery staple"}],
}


class Credentials(NamedTuple):
    """What the body of a login says."""

    username: str
    password: str
    scope: Scope


@bp.post("/login")
@limit_tries
@describe(
    TOKEN,
    body=CREDENTIALS,
    errors={
        401: "The username or the password is wrong.",
        403: "The scope goes further than the user may.",
        429: ERRORS[429],
    },
)
def login() -> Response:
    """Make a token of one day for a username and a password; it can read, or what `scope` says."""
    given = _read_credentials()
    user = find_user(given.username, given.password)
    if user is None:
        record_alone(Action.LOGIN_REFUSED, known_name(given.username))
        raise Unauthorized("The username or the password is wrong.", None, token_challenge())
    forgive_tries()
    expires_at = utc_now() + API_LOGIN_LASTS
    try:
        return json_response({"token": make_token(user, "API login", expires_at, given.scope)})
    except AccountError as error:
        raise Forbidden(str(error)) from error


@bp.post("/logout")
@describe(ENDED)
def logout() -> Response:
    """Make the token that was sent useless."""
    revoke_token(g.token.id)
    return json_response({"status": "ok"})


def _read_credentials() -> Credentials:
    """Return the texts of the body; its media type does not matter, as curl's -d sets none."""
    fields = read_json_object(request.get_data())
    username, password = fields.get("username"), fields.get("password")
    if not isinstance(username, str) or not isinstance(password, str):
        raise BadRequest('The body must be a JSON object with the texts "username" and "password".')
    scope = fields.get("scope", Scope.READ)
    if scope not in list(Scope):
        raise BadRequest(f'"scope" must be one of {", ".join(Scope)}.')
    return Credentials(username, password, Scope(scope))
