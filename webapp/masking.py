"""Lay out named values and tell which look secret, so that a page does not show them unasked.

Of what is very long a page shows the beginning, and where the whole is.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

# Of an error, a command or a value a page shows no more characters than these; of values no more
# than so many.
MAX_SHOWN = 10_000
MAX_VALUES = 500
# A secret that begins among what is shown is told by what follows.
_SEARCHED = MAX_SHOWN + 2_100

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = frozenset(
    ("apikey", "auth", "authorization", "bearer", "cookie", "cookies", "creds", "jwt", "key")
    + ("keys", "pass", "passphrase", "pat", "pwd")
)
_SECRET_PARTS = ("password", "passwd", "secret", "token", "apikey", "credential")
# A URL with a password, or of a webhook, which is a key itself, and what well-known services give
# out as keys. Each part looks at a stretch of text once, from its beginning: what a step printed
# must not make it slow.
_SECRET_VALUE = re.compile(
    r"://[^/\s:@]{0,200}:[^/\s@]{1,200}@"
    r"|://hooks\.slack\.com/\w|://api\.telegram\.org/bot\w"
    r"|://[^/\s]{1,200}/(?:[^/\s]{1,60}/){0,3}(?:web)?hooks?(?:b2)?/\w"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"
    r"|\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{30}|xox[abprs]-[\w-]{10})"
    r"|(?<![\w-])eyJ[\w-]{10,2000}\.eyJ"
    r"|(?:\bBearer|(?i:authorization: ?bearer)) [\w+/=.~-]|\bBasic [\w+/=.~-]{16}"
)


class NamedValue(NamedTuple):
    """A value as text; an empty one is never secret, and of a long one `omitted` are left out."""

    name: str
    value: str
    is_secret: bool
    omitted: int


def named_values(values: Mapping[str, Any] | None) -> list[NamedValue]:
    """Return the values in the order of their names, empty ones last."""
    named = [_named_value(name, value) for name, value in sorted((values or {}).items())]
    return sorted(named, key=lambda one: not one.value)


def is_secret_name(name: str) -> bool:
    """Tell whether what has this name is likely a password, a token or a key."""
    words = {word.lower() for word in _WORDS.findall(name)}
    lower = name.lower()
    return bool(words & _SECRET_WORDS) or any(part in lower for part in _SECRET_PARTS)


def _named_value(name: str, value: Any) -> NamedValue:
    text = _text(value)
    is_secret = is_secret_name(name) or _holds_secret(value)
    omitted = max(len(text) - MAX_SHOWN, 0)
    return NamedValue(name, text[:MAX_SHOWN], bool(text) and is_secret, omitted)


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _holds_secret(value: Any) -> bool:
    if isinstance(value, str):
        return _SECRET_VALUE.search(value[:_SEARCHED]) is not None
    if isinstance(value, dict):
        return any(is_secret_name(name) or _holds_secret(one) for name, one in value.items())
    return isinstance(value, list) and any(map(_holds_secret, value))
