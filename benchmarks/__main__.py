"""Run the benchmarks and print one table: what, budget, measured, ratio, pass or not.

ROWS=100k, 1M or 10M says how many steps; DATABASE_URL names a PostgreSQL to measure instead.
"""

import argparse
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import mean

from rich.console import Console
from rich.table import Table

from webapp.database import upgrade_database
from webapp.extensions import db
from webapp.ingest.osmedeus.importer import import_base

from .data import STEPS_PER_RUN, make_osmedeus_base
from .databases import make_access, make_app, make_filled
from .measures import Measure, at_least, at_most_ms, at_most_times
from .requests import (
    Asked,
    measure_full_pages,
    measure_pages,
    measure_throughput,
    p95s_of_documented,
    with_factors,
)
from .serving import served

IMPORTED_ROWS = 100_000
FEW_ROWS = 100_000
UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    given = os.environ.get("ROWS") or "100k"
    parser.add_argument("--rows", type=_rows, default=given, help="how many steps")
    rows: int = parser.parse_args().rows
    url, measures = make_filled(rows)
    with ExitStack() as servers:
        asked = _serve(servers, url, rows)
        beside = []
        if rows > FEW_ROWS:
            few_url, _ = make_filled(FEW_ROWS)
            beside.append(_serve(servers, few_url, FEW_ROWS))
        measures += with_factors(asked.server, _measure_served(asked, url, beside))
    measures.append(measure_import())
    print_table(rows, url, measures)


def _rows(text: str) -> int:
    match = re.fullmatch(r"(\d+)([km]?)", text.lower())
    n = int(match[1]) * UNITS[match[2]] if match else 0
    least = STEPS_PER_RUN * 100
    if n < least or n % STEPS_PER_RUN:
        raise argparse.ArgumentTypeError(f"{text!r} is no multiple of {STEPS_PER_RUN} from {least}")
    return n


def _serve(servers: ExitStack, url: str, rows: int) -> Asked:
    return Asked(servers.enter_context(served(url)), make_access(url), rows)


def _measure_served(asked: Asked, url: str, beside: list[Asked]) -> Iterator[Measure]:
    documented, *few = p95s_of_documented([asked, *beside])
    yield at_most_ms("API, a page of 20, any documented filters, any offset, p95", 5, documented)
    for one in few:
        yield at_most_times(f"the same beside {FEW_ROWS:,} rows", 1.5, documented / one)
    server, access, rows = asked
    yield from measure_full_pages(server, access, rows, url)
    yield from measure_pages(server, access)
    yield from measure_throughput(server, access, rows)


def measure_import() -> Measure:
    """Measure the import of a base of IMPORTED_ROWS rows."""
    with tempfile.TemporaryDirectory(prefix="stepboard-bench-") as folder:
        make_osmedeus_base(Path(folder), IMPORTED_ROWS)
        app = make_app(f"sqlite:///{folder}/import.sqlite")
        with app.app_context():
            upgrade_database()
            began = time.perf_counter()
            summary = import_base(Path(folder) / "base")
            rate = summary.steps.added / (time.perf_counter() - began)
            db.engine.dispose()
    assert summary.steps.added == IMPORTED_ROWS
    return at_least(f"import of a base of {IMPORTED_ROWS:,} rows", 20_000, rate, "steps/s")


def print_table(rows: int, url: str, measures: list[Measure]) -> None:
    """Print what was measured, and how it would be where the budgets were set.

    What was measured without a server goes by the mean of the others. PostgreSQL may take twice as
    long, but may not have twice the bytes.
    """
    engine = url.partition(":")[0].partition("+")[0]
    allowed = 1 if engine == "sqlite" else 2
    factors = [one.factor for one in measures if one.factor]
    slow = f"{min(factors):.1f} to {max(factors):.1f}"
    title = f"{rows:,} steps, {engine}; this machine takes {slow} times as long"
    table = Table("what", "budget", "measured", "ratio", "there", "", title=title)
    for one in measures:
        there = one.ratio / (one.factor or mean(factors)) if one.is_time else one.ratio
        most = 1 if one.is_size else allowed
        verdict = "ok" if one.ratio <= most else "ok there" if there <= most else "OVER"
        table.add_row(
            one.what, one.budget, one.measured, f"{one.ratio:.2f}", f"{there:.2f}", verdict
        )
    Console(width=None if os.isatty(1) else 140).print(table)


if __name__ == "__main__":
    main()
