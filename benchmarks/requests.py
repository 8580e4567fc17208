"""Measure requests as a client sees them: a real server, one worker, kept connections."""

import re
import shutil
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import product
from typing import NamedTuple

from sqlalchemy import make_url

from .client import Connection, connected, requests_per_s
from .measures import Measure, at_least_times, at_most, at_most_ms, at_most_times
from .serving import Served
from .wsgi import BARE, EMPTY

API = "/osm/api/step-results"
ROUNDS = 5
PAGE_ROUNDS = 60
FULL_ROUNDS = 20
CONNECTIONS = 8
SECONDS = 4.0
FACTOR_SECONDS = 0.5
FULL_PAGE = 10_000
# More pages than a server answers within one measure, and than it keeps.
WALKED = 20_000
# An empty Flask route on this server, where the budgets were set: requests a second.
BARE_PER_S = 8_523
FILTERS = {
    "workspace": ("", "workspace=host7.example.com"),
    "status": ("", "status=completed", "status=failed", "status=running"),
    "step_type": ("", "step_type=bash", "step_type=llm"),
    "run_id": ("", "run_id=7"),
}
PAGES = (
    "/",
    "/steps",
    "/steps?status=failed",
    "/steps?step_name=step-7",
    "/steps?started=24h",
    "/steps?started=24h&status=failed",
    "/steps?status=failed&ended=24h",
    "/steps?ended=24h",
    "/steps?started=24h&min_duration_ms=2000&workflow_name=workflow-7",
    "/steps?min_duration_ms=2900",
    "/steps?workflow_name=workflow-7&status=failed",
    "/steps?sort=-duration_ms",
    "/steps?sort=step_name&recovered=no",
    "/runs",
    "/runs?sort=-duration_ms",
    "/runs?started=24h&status=failed",
    "/runs?status=failed&ended=24h",
    "/runs/7",
    "/runs/7/compare",
    "/run-groups/group-7",
    "/steps/77",
    "/tokens",
    "/users",
    "/sources",
)
LISTS = ("/", "/steps", "/runs")
COMPRESSED = {"Accept-Encoding": "zstd, br, gzip"}
HTMX = {"HX-Request": "true"}
PAGE_COLUMNS = (
    "id, run_id, step_name, step_type, status, command, output, error, started_at, completed_at, "
    "duration_ms, created_at, updated_at"
)


def factor_of_machine(server: Served) -> float:
    """Return how many times slower than there an empty Flask route is served here, now."""
    return BARE_PER_S / requests_per_s(server.url, {}, [BARE], CONNECTIONS, FACTOR_SECONDS)


def with_factors(server: Served, measures: Iterable[Measure]) -> Iterator[Measure]:
    """Say with each measure how slow the machine was around it: that changes within minutes."""
    before = factor_of_machine(server)
    for one in measures:
        after = factor_of_machine(server)
        yield one._replace(factor=(before + after) / 2)
        before = after


class Asked(NamedTuple):
    """A server, the header that it is asked with, and how many steps it has."""

    server: Served
    access: Mapping[str, str]
    rows: int

    def places(self) -> tuple[int, int, int]:
        """Return the offsets of a first, a middle and a last page."""
        return 0, self.rows // 2, self.rows - 20


def p95s_of_documented(servers: Sequence[Asked]) -> list[float]:
    """Return each server's 95th percentile over the documented filters, in milliseconds.

    Each combination is asked for at three places, each the median of some rounds. No round asks for
    the page of another, which a server would have kept. The servers are asked in turn, as the
    machine changes within a minute.
    """
    queries = ["&".join(filter(None, parts)) for parts in product(*FILTERS.values())]
    times: list[list[float]] = [[] for _ in servers]
    with ExitStack() as stack:
        connections = [
            stack.enter_context(connected(one.server.url, one.access)) for one in servers
        ]
        for query, places in product(queries, zip(*(one.places() for one in servers), strict=True)):
            for place, connection, found in zip(places, connections, times, strict=True):
                found.append(_median_ms(connection, query, place))
    return [percentile(found) for found in times]


def percentile(values: Sequence[float]) -> float:
    """Return the 95th of a hundred."""
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def _median_ms(connection: Connection, query: str, place: int) -> float:
    urls = [f"{API}?offset={place + n}&{query}" for n in range(ROUNDS + 1)]
    _first, *times = [_get(connection, url) for url in urls]
    return statistics.median(times)


def _get(connection: Connection, url: str) -> float:
    answer = connection.get(url)
    assert answer.status == 200, f"{url}: {answer.status} {answer.body[:200]!r}"
    return answer.ms


def measure_pages(server: Served, access: Mapping[str, str]) -> Iterator[Measure]:
    """Measure each page, its first load and a fragment of it."""
    with connected(server.url, access) as connection:
        for page in PAGES:
            _get(connection, page)
            times = [_get(connection, page) for _ in range(PAGE_ROUNDS)]
            yield at_most_ms(f"page {page}, p95", 15, percentile(times))
    with (
        connected(server.url, access) as plain,
        connected(server.url, {**access, **COMPRESSED}) as whole,
        connected(server.url, {**access, **COMPRESSED, **HTMX}) as part,
    ):
        loads = [_first_load_kb(plain, whole, page) for page in LISTS]
        yield at_most("first load of a list, over the wire", 100, max(loads), "KB")
        fragments = [len(part.get(f"{page}?offset=20").body) / 1000 for page in LISTS[1:]]
        yield at_most("a fragment of a list, over the wire", 10, max(fragments), "KB")


def _first_load_kb(plain: Connection, compressed: Connection, page: str) -> float:
    names = set(re.findall(r'(?:src|href)="([^"]*/static/[^"]+)"', plain.get(page).body.decode()))
    return sum(len(compressed.get(url).body) for url in (page, *names)) / 1000


def measure_full_pages(
    server: Served, access: Mapping[str, str], rows: int, database_url: str
) -> Iterator[Measure]:
    """Measure pages of 10,000: beside SQLite's own JSON, and the last one beside the first."""
    last_page = f"{API}?limit={FULL_PAGE}&offset={rows - FULL_PAGE}"
    # One after the other, as the machine changes within a minute.
    first, last, plain = [], [], []
    with connected(server.url, access) as connection:
        for _ in range(FULL_ROUNDS):
            first.append(_get(connection, f"{API}?limit={FULL_PAGE}"))
            last.append(_get(connection, last_page))
            if database_url.startswith("sqlite"):
                plain.append(_sqlite_json_ms(database_url))
    if plain:
        times = statistics.median(first) / statistics.median(plain)
        yield at_most_times("limit=10000 beside SQLite's own JSON", 1.5, times)
    times = statistics.median(last) / statistics.median(first)
    yield at_most_times("the last page of all rows beside the first", 1.2, times)


def _sqlite_json_ms(database_url: str) -> float:
    """Return what SQLite takes to print a page as JSON: its command, else its own function."""
    path = make_url(database_url).database
    assert path is not None
    wanted = f"SELECT {PAGE_COLUMNS} FROM steps ORDER BY id LIMIT {FULL_PAGE}"
    began = time.perf_counter()
    if command := shutil.which("sqlite3"):
        subprocess.run([command, "-json", path, wanted], check=True, capture_output=True)
    else:
        pairs = ", ".join(f"'{name}', {name}" for name in PAGE_COLUMNS.split(", "))
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            objects = connection.execute(f"SELECT json_object({pairs}) FROM ({wanted})").fetchall()
        b",".join(text.encode() for (text,) in objects)
    return (time.perf_counter() - began) * 1000


def measure_throughput(server: Served, access: Mapping[str, str], rows: int) -> Iterator[Measure]:
    """Measure pages of 20 beside a route that does nothing, and the memory that load takes.

    The first page is asked for again and again, as by scripts that wait for something new; and one
    page after the other, none of them twice.
    """

    def rate(paths: Sequence[str], connections: int = CONNECTIONS) -> float:
        return requests_per_s(server.url, access, paths, connections, SECONDS)

    walked = [
        f"{API}?limit=20&offset={offset}" for offset in range(0, rows, max(rows // WALKED, 1))
    ]
    for what, paths in (("the first page of 20", [f"{API}?limit=20"]), ("pages of 20", walked)):
        rounds = [(rate([EMPTY]), rate(paths)) for _ in range(3)]
        part = statistics.median(page / empty for empty, page in rounds)
        empty, page = (statistics.median(column) for column in zip(*rounds, strict=True))
        of = f"{page:,.0f} of {empty:,.0f}"
        yield at_least_times(f"{what} beside an empty route of ours, requests/s ({of})", 0.6, part)
    # So many large pages at once as a worker sends.
    rate([f"{API}?limit=20", f"{API}?limit={FULL_PAGE}", "/steps", "/runs", "/"], connections=2)
    yield at_most("memory of a worker under that load", 150, server.memory_mb(), "MB")
