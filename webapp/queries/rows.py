"""Get one row of a small table by its id."""

from typing import TypeVar

from werkzeug.exceptions import NotFound

from ..extensions import db
from ..models import Base

# What the INTEGER of PostgreSQL holds.
MAX_ID = 2**31 - 1

Model = TypeVar("Model", bound=Base)


def get_row(model: type[Model], row_id: int, noun: str) -> Model:
    """Return the row with this id, or answer 404."""
    row = db.session.get(model, row_id) if row_id <= MAX_ID else None
    if row is None:
        raise NotFound(f"There is no {noun} {row_id}.")
    return row
