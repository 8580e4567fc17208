"""A worker killed under load: the others answer, and another takes its place."""

import os
import signal
import time

import pytest
from flask import Flask

from .conftest import Server, served
from .load import Load

CONNECTIONS = 8


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_killed_under_load_is_replaced(full_app: Flask, is_long: bool) -> None:
    with served(full_app, "--workers", "2") as server:
        expected = server.expected()
        with Load(server.url, expected, server.headers, CONNECTIONS) as load:
            for _ in range(10 if is_long else 1):
                load.run_until(lambda answers: answers.counts["right"] > 20, 60)
                victim = server.worker_pids()[0]
                os.kill(victim, signal.SIGKILL)
                killed = time.monotonic()
                load.run_until(lambda answers, since=killed: answers.last_right_at > since, 60)
                wait_for_workers(server, 2, victim)
        assert load.answers.wrong == []
        # What the killed one had at hand is lost with its connections, and nothing else.
        assert load.answers.counts["broken"] <= 2 * CONNECTIONS * (10 if is_long else 1)
        print(load.answers.told())


def wait_for_workers(server: Server, n: int, without: int) -> None:
    """Return once so many workers serve again, the killed one not among them."""
    end = time.monotonic() + 60
    while True:
        pids = server.serving_pids()
        if len(pids) == n and without not in pids:
            return
        assert time.monotonic() < end, pids
        time.sleep(0.1)
