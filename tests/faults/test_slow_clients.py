"""Clients that send a byte a second keep nobody else waiting, and are shown the door."""

import socket
import threading
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from flask import Flask

from .conftest import served
from .load import Load

SLOW = 64
HEAD = b"GET /osm/api/step-results HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"x" * 1000
POST = b"POST /osm/api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"


def drip(
    connection: socket.socket, data: bytes, ended: threading.Event, closed: list[float]
) -> None:
    """Send a byte a second, until the server closes the connection."""
    began = time.monotonic()
    for n in range(len(data)):
        try:
            connection.sendall(data[n : n + 1])
            connection.settimeout(0.001)
            answer = connection.recv(1000)
            # Either closed, or told that the body took too long.
            if answer == b"" or b" 408 " in answer:
                break
        except TimeoutError:
            pass
        except OSError:
            break
        if ended.wait(1):
            return
    closed.append(time.monotonic() - began)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_slow_clients_keep_nobody_waiting(full_app: Flask, is_long: bool) -> None:
    ended = threading.Event()
    closed: list[float] = []
    with served(full_app) as server, ExitStack() as stack:
        expected = server.expected()
        address = urlsplit(server.url)
        threads = []
        for n in range(SLOW):
            slow = stack.enter_context(socket.create_connection((address.hostname, address.port)))
            if n % 2:
                slow.sendall(POST)
            data = b"{" * 1000 if n % 2 else HEAD
            thread = threading.Thread(target=drip, args=(slow, data, ended, closed), daemon=True)
            thread.start()
            threads.append(thread)
        with Load(server.url, expected, server.headers, 4) as load:
            load.run_until(lambda _: len(closed) == SLOW, 60)
            time.sleep(20 if is_long else 0)
        assert load.answers.counts["right"] == load.answers.n > 20, load.answers.wrong
        assert min(closed) > 8
        ended.set()
        for thread in threads:
            thread.join(5)
        print(load.answers.told(), f"{len(closed)} of {SLOW} slow ones were closed")
