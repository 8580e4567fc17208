"""Read and write the filters of audit events; pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from werkzeug.datastructures import MultiDict

from ..models import Action
from .lists import ListFilters
from .reader import ArgsReader


@dataclass(frozen=True, slots=True)
class AuditFilters(ListFilters):
    """Which audit events a list shows; several values of one field mean any of them.

    `created_after` is in the range, `created_before` is not.
    """

    action: tuple[str, ...] = ()
    actor: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None

    @classmethod
    def api_sort(cls) -> str:
        """Return the order that the API has without `sort`: newest first."""
        return "-id"

    @classmethod
    def from_args(cls, args: MultiDict[str, str], blank_is_absent: bool = False) -> Self:
        """Read the query string; what is wrong stands in `errors` and is left out."""
        return cls.read(ArgsReader(args, blank_is_absent))

    @classmethod
    def read(cls, reader: ArgsReader) -> Self:
        """Read what a reader has; it is asked for every parameter there is."""
        reader.refuse_unknown(cls.names())
        return cls(
            action=reader.choices("action", Action),
            actor=reader.texts("actor"),
            created_after=reader.time("created_after"),
            created_before=reader.time("created_before"),
            sort=reader.choice("sort", ("id", "-id"), cls.api_sort()),
            offset=reader.integer("offset", 0),
            limit=reader.limit(),
            default_sort=cls.api_sort(),
            # Last, as what is read above finds them.
            errors=tuple(reader.errors),
        )
