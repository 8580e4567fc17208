"""Say where a page stands in its list: in the answer, and in a `Link` header (RFC 8288)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from flask import request

# Proxies take headers of 4 KiB in all, by default; beyond this the less useful links stay away.
MOST_LINK_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Paging:
    """Where a page stands; `next_cursor` is empty at the end, and None where none was asked for."""

    total: int
    offset: int
    limit: int
    next_cursor: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as documented; the cursor only if it was asked for."""
        told = {"total": self.total, "offset": self.offset, "limit": self.limit}
        if self.next_cursor is None:
            return told
        return {**told, "next_cursor": self.next_cursor or None}

    def link_header(self) -> str:
        """Return the links to the other pages of the request at hand; those that there is room for.

        By a cursor there is only the next page. Each is a path with the request's own query.
        """
        path = quote(request.script_root + request.path)
        changed = "offset" if self.next_cursor is None else "cursor"
        given = request.args.items(multi=True)
        kept = urlencode([pair for pair in given if pair[0] != changed])
        before = f"<{path}?{kept}{'&' if kept else ''}{changed}="
        links: list[str] = []
        size = 0
        for rel, value in self._places():
            link = f'{before}{value}>; rel="{rel}"'
            size += len(link) + 2
            if size <= MOST_LINK_BYTES:
                links.append(link)
        return ", ".join(links)

    def _places(self) -> Iterator[tuple[str, int | str]]:
        """Yield what each page is to this one, and its offset or cursor, fit for an address."""
        if self.next_cursor is not None:
            if self.next_cursor:
                yield "next", self.next_cursor
            return
        if not self.limit:
            return
        last = max(self.total - 1, 0) // self.limit * self.limit
        if self.offset + self.limit < self.total:
            yield "next", self.offset + self.limit
        if self.offset:
            yield "prev", max(min(self.offset - self.limit, last), 0)
        yield "first", 0
        yield "last", last
