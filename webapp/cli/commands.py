"""Share what the commands have in common: a usable database, and errors of one line."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from click import ClickException
from sqlalchemy.exc import DBAPIError

from ..accounts import AccountError
from ..database import DatabaseVersionError, first_line_of, prepare_database

P = ParamSpec("P")
R = TypeVar("R")


def needs_database(command: Callable[P, R]) -> Callable[P, R]:
    """Make the tables in an empty database first, and say in one line what is wrong with one."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            prepare_database()
            return command(*args, **kwargs)
        except DatabaseVersionError as error:
            raise ClickException(str(error)) from error
        except DBAPIError as error:
            raise ClickException(f"Cannot use the database: {first_line_of(error)}.") from error

    return run


@contextmanager
def errors_of_one_line() -> Iterator[None]:
    """Say in one line what is not allowed of users and tokens."""
    try:
        yield
    except AccountError as error:
        raise ClickException(str(error)) from error
