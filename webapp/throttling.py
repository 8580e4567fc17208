"""Slow down who guesses passwords: each account and each address has so many tries.

An account has them at each address, so that a stranger elsewhere locks nobody out, and more of them
at all addresses together.

Flask-Limiter does the counting; what it counts stands in our own database, so that all workers
and hosts count together, and a restart forgets nothing.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, ParamSpec, TypeVar

import orjson
from flask import request
from flask_limiter import Limiter, RequestLimit
from flask_limiter.util import get_remote_address
from flask_login import current_user
from limits.storage import Storage
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from .audit import known_name, record_alone
from .columns import utc_now
from .extensions import db
from .models import Action
from .queries.sessions import has_session_at
from .queries.throttles import (
    add_to_throttle,
    delete_old_throttles,
    delete_throttle,
    find_throttle,
)

# A login that goes well forgives the account its tries at this address, and not the address.
TRIES_OF_ACCOUNT = "20 per 15 minutes"
TRIES_OF_ADDRESS = "60 per 15 minutes"
# Ten addresses' worth, against guesses from many of them. No password is taken that falls to fewer
# than 100 million guesses (passwords.py): 14 years of this.
TRIES_EVERYWHERE = "200 per 15 minutes"
# Of who is signed in and is asked for the password again.
TRIES_OF_OWN = "10 per 15 minutes"
ACCOUNT, EVERYWHERE, OWN = "login-account", "login-everywhere", "own-password"
# Of an address of IPv6 one customer has this many bits' worth.
IPV6_PREFIX = 64


P = ParamSpec("P")
R = TypeVar("R")


class DatabaseStorage(Storage):
    """Flask-Limiter's counts, in the application's database."""

    STORAGE_SCHEME = ["database"]

    @property
    def base_exceptions(self) -> type[Exception]:
        """Return what the database raises."""
        return DBAPIError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count a try that counts for `expiry` seconds; return how many that makes."""
        now = utc_now()
        with _writing() as connection:
            n = add_to_throttle(connection, key, amount, now, now + timedelta(seconds=expiry))
            if n == amount:
                delete_old_throttles(connection, now)
        return n

    def get(self, key: str) -> int:
        """Return how often a key was tried."""
        with db.engine.connect() as connection:
            return find_throttle(connection, key, utc_now())[0]

    def get_expiry(self, key: str) -> float:
        """Return until when the tries of a key count, in seconds of the epoch."""
        now = utc_now()
        with db.engine.connect() as connection:
            expires_at = find_throttle(connection, key, now)[1]
        return (expires_at or now).timestamp()

    def check(self) -> bool:
        """Tell whether the database answers."""
        with db.engine.connect():
            return True

    def reset(self) -> int:
        """Forget what does not count any more."""
        with _writing() as connection:
            return delete_old_throttles(connection, utc_now())

    def clear(self, key: str) -> None:
        """Forget the tries of a key."""
        with _writing() as connection:
            delete_throttle(connection, key)


@contextmanager
def _writing() -> Iterator[Connection]:
    with db.engine.execution_options(immediate=True).begin() as connection:
        yield connection


limiter = Limiter(get_remote_address, storage_uri="database://", strategy="fixed-window")


def _asking_address() -> str:
    """Return the address that asks; of IPv6 the network, which one customer has whole."""
    given = get_remote_address()
    try:
        address = ip_address(given)
    except ValueError:  # What a proxy forwards can be anything.
        return given
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)


def tried_username() -> str:
    """Return the user name that a login sends, read as its route reads it; blank for none."""
    # First: what a form has taken out of the body would not be there for the route any more.
    body = request.get_data()
    # The same body may be a form of one name and a JSON text of another: one must not be counted
    # where the other is tried.
    is_api = request.blueprint == "api"
    name = read_json_object(body).get("username") if is_api else request.form.get("username")
    return str(name or "").strip()


def read_json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a login's body; an empty one if it is none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _asked_account_here() -> str:
    return f"{_asked_account()}@{_asking_address()}"


def _is_known_here() -> bool:
    """Tell whether no stranger asks: the user of this name has a session at this address."""
    return request.method == "POST" and has_session_at(tried_username(), request.remote_addr or "")


def _asked_account() -> str:
    """Return what stands for the account: the name's hash, as people type passwords there too."""
    name = tried_username().casefold()
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]


# For the routes of pages and API alike, which count together.
limit_tries_of_address = limiter.shared_limit(
    TRIES_OF_ADDRESS, "login-address", key_func=_asking_address, methods=["POST"]
)
limit_tries_of_account = limiter.shared_limit(
    TRIES_OF_ACCOUNT, ACCOUNT, key_func=_asked_account_here, methods=["POST"]
)
limit_tries_everywhere = limiter.shared_limit(
    TRIES_EVERYWHERE,
    EVERYWHERE,
    key_func=_asked_account,
    methods=["POST"],
    exempt_when=_is_known_here,
)
# Not of a route: of a block, by `with`.
limit_tries_of_own = limiter.shared_limit(
    TRIES_OF_OWN, OWN, key_func=lambda: str(current_user.id), methods=["POST"]
)


def limit_tries(view: Callable[P, R]) -> Callable[P, R]:
    """Limit the tries at a route that signs people in; what one limit refuses, no later one counts.

    They are asked from the innermost to the outermost: a stranger at one address must not use up
    the tries of all addresses.
    """
    return limit_tries_everywhere(limit_tries_of_address(limit_tries_of_account(view)))


def forgive_tries() -> None:
    """Forget the tries that a right password has made up for, at this address, and this one try."""
    for tried in limiter.current_limits:
        if EVERYWHERE in tried.key:
            limiter.storage.incr(tried.key, 0, -1)
        elif ACCOUNT in tried.key or OWN in tried.key:
            limiter.storage.clear(tried.key)


def is_of_everybody(breached: RequestLimit | None) -> bool:
    """Tell whether others than who asks may have used up a limit."""
    return breached is not None and EVERYWHERE in breached.key


def record_throttled(breached: RequestLimit) -> None:
    """Record the first request that a limit refuses; the rest tell nothing new."""
    if limiter.storage.get(breached.key) != breached.limit.amount + 1:
        return
    if OWN in breached.key:
        record_alone(Action.PASSWORD_THROTTLED, current_user.username)
    else:
        record_alone(Action.LOGIN_THROTTLED, known_name(tried_username()))
