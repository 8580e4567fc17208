"""Send many requests to the API, on both engines at once, and print the answers by status.

Each engine has a process, a database with the sample, and cases that the number of its block makes.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import create_engine, text

from .conftest import make_app, migrate_database
from .fuzzing import Fuzzer, fill
from .postgres import throwaway_cluster

BLOCK = 2_500
# Of each operation, good and bad, at the start of each block.
RANDOM = 8
Result = tuple[Counter[tuple[str, int]], dict[str, str]]

_fuzzer: Fuzzer


def main() -> None:
    """Send the requests; exit with 1 when an answer was not as documented."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, metavar="N")
    n_requests = parser.parse_args().requests
    counts: Counter[tuple[str, int]] = Counter()
    failures: dict[str, str] = {}
    with databases() as urls:
        for block_counts, block_failures in run_blocks(urls, n_requests):
            counts += block_counts
            for title in block_failures.keys() - failures.keys():
                print(f"\n{title}\n{block_failures[title]}", flush=True)
            failures = {**block_failures, **failures}
            print(f"{counts.total():,} requests, {len(failures)} failures", flush=True)
    print_counts(counts)
    sys.exit(1 if failures else 0)


@contextmanager
def databases() -> Iterator[list[str]]:
    """Yield the URL of a database with the sample on each engine; nothing is left of them."""
    with (
        tempfile.TemporaryDirectory(prefix="stepboard-fuzz-") as folder,
        throwaway_cluster() as parameters,
    ):
        admin = create_engine(
            f"postgresql+psycopg:///postgres?{parameters}", isolation_level="AUTOCOMMIT"
        )
        with admin.connect() as connection:
            connection.execute(text("CREATE DATABASE fuzz_stepboard"))
        admin.dispose()
        urls = [
            f"sqlite:///{Path(folder) / 'fuzz.sqlite'}",
            f"postgresql+psycopg:///fuzz_stepboard?{parameters}",
        ]
        for url in urls:
            migrate_database(url)
            fill(make_app(url, log_level="warning"))
        yield urls


def run_blocks(urls: list[str], n_requests: int) -> Iterator[Result]:
    """Share the requests out among a process for each database; yield each block's result."""
    pools = [
        ProcessPoolExecutor(1, get_context("spawn"), initializer=start, initargs=(url,))
        for url in urls
    ]
    waiting: list[Future[Result]] = []
    for number in range(-(-n_requests // BLOCK)):
        pool = pools[number % len(pools)]
        waiting.append(pool.submit(run_block, number, min(BLOCK, n_requests - number * BLOCK)))
    for future in as_completed(waiting):
        yield future.result()
    for pool in pools:
        pool.shutdown()


def start(url: str) -> None:
    """Make this process's application."""
    global _fuzzer
    _fuzzer = Fuzzer(make_app(url, log_level="warning"))


def run_block(number: int, n_requests: int) -> Result:
    """Send so many requests; the first block of a process sends what covers the document."""
    _fuzzer.counts = Counter()
    _fuzzer.failures = {}
    if number < 2:
        _fuzzer.send_covering()
    _fuzzer.send_random(RANDOM, number)
    _fuzzer.send_mixed(max(n_requests - _fuzzer.counts.total(), 0), number)
    return _fuzzer.counts, _fuzzer.failures


def print_counts(counts: Counter[tuple[str, int]]) -> None:
    """Print a table: a row for each operation, a column for each status."""
    statuses = sorted({status for _, status in counts})
    print("".join(f"{name:>8}" for name in (*statuses, "all")), " operation")
    for label in sorted({label for label, _ in counts}):
        row = [counts[label, status] for status in statuses]
        print("".join(f"{n:>8,}" for n in (*row, sum(row))), "", label)
    row = [sum(n for (_, found), n in counts.items() if found == status) for status in statuses]
    print("".join(f"{n:>8,}" for n in (*row, sum(row))), "", "all")


if __name__ == "__main__":
    main()
