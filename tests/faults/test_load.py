"""Ten thousand requests over 64 connections at 80 % load: right answers, and memory stays flat."""

import time

import pytest
from flask import Flask

from .conftest import served
from .load import Load

CONNECTIONS = 64
# The same set of pages is asked for over and over: what grows is leaked.
MOST_GROWTH_MB = 20.0
# So many requests where there is no time for more.
FEW = 300


def find_most_per_second(url: str, expected: dict[str, bytes], headers: dict[str, str]) -> float:
    """Return how many requests a second the server answers when pressed."""
    began = time.monotonic()
    with Load(url, expected, headers, 8) as load:
        time.sleep(3)
    return load.answers.counts["right"] / (time.monotonic() - began)


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_the_load_of_a_day_leaves_memory_as_it_was(full_app: Flask, is_long: bool) -> None:
    with served(full_app) as server:
        expected = server.expected()
        most = find_most_per_second(server.url, expected, server.headers)
        # Each of the server's threads is there, and large pages have met: it has the memory that
        # such a load needs.
        with Load(server.url, expected, server.headers, CONNECTIONS) as first:
            first.run_until(lambda answers: answers.n >= 3 * FEW, 120)
        before = server.memory_mb()
        enough, seconds = (10_000, 60.0) if is_long else (FEW, 0.0)
        began = time.monotonic()
        with Load(server.url, expected, server.headers, CONNECTIONS, most * 0.8) as load:
            load.run_until(
                lambda answers: answers.n >= enough and time.monotonic() > began + seconds, 600
            )
        after = server.memory_mb()
        print(
            f"{load.answers.told()}; {load.answers.n / (time.monotonic() - began):.0f} a second "
            f"of at most {most:.0f}; memory {before:.0f} MB, then {after:.0f} MB"
        )
        assert load.answers.counts["right"] == load.answers.n, load.answers.wrong[:3]
        assert after - before < MOST_GROWTH_MB
