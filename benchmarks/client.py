"""Ask a server over kept connections, with as little work of the client's own as can be."""

import selectors
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

PIECE = 1 << 20
TIMEOUT_S = 120.0


class Answer(NamedTuple):
    """What came: status, headers with names in lower case, body as sent, milliseconds."""

    status: int
    headers: dict[str, str]
    body: bytes
    ms: float


class Connection:
    """One connection to a server, for one request at a time."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        """Connect; the headers go with each request."""
        parts = urlsplit(url)
        assert parts.hostname and parts.port
        self.socket = socket.create_connection((parts.hostname, parts.port), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = [f"{name}: {value}" for name, value in {"Host": parts.netloc, **headers}.items()]
        self._head = "\r\n".join(lines)
        self._received = bytearray()
        self._begun: tuple[int, dict[str, str], int] | None = None

    def get(self, path: str) -> Answer:
        """Ask for a path, and wait for the whole answer."""
        began = time.perf_counter()
        self.send(path)
        while (answer := self.take()) is None:
            self.receive()
        status, headers, body = answer
        return Answer(status, headers, body, (time.perf_counter() - began) * 1000)

    def send(self, path: str) -> None:
        """Ask for a path."""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\n{self._head}\r\n\r\n".encode())

    def receive(self) -> None:
        """Read what has come by now."""
        piece = self.socket.recv(PIECE)
        if not piece:
            raise ConnectionError("The server closed the connection.")
        self._received += piece

    def take(self) -> tuple[int, dict[str, str], bytes] | None:
        """Return status, headers and body once all of it is there; the head is read once."""
        self._begun = self._begun or self._take_head()
        if self._begun is None:
            return None
        status, headers, start = self._begun
        if headers.get("transfer-encoding") == "chunked":
            if not self._received.endswith(b"0\r\n\r\n", start):
                return None
            body = _whole_chunks(bytes(self._received[start:]))
            if body is None:
                return None
        elif len(self._received) < start + int(headers["content-length"]):
            return None
        else:
            body = bytes(self._received[start:])
        self._received, self._begun = bytearray(), None
        return status, headers, body

    def _take_head(self) -> tuple[int, dict[str, str], int] | None:
        """Return status, headers, and where the body begins, once the whole head is there."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self._received[:end].decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        headers = {name.lower(): value for name, _, value in pairs}
        return int(first.split(" ")[1]), headers, end + 4


def _whole_chunks(rest: bytes) -> bytes | None:
    """Return the body that chunks make up; None while the last one is not there."""
    parts, place = [], 0
    while True:
        line_end = rest.find(b"\r\n", place)
        if line_end < 0:
            return None
        size = int(rest[place:line_end], 16)
        if size == 0:
            return b"".join(parts)
        place = line_end + 2
        parts.append(rest[place : place + size])
        place += size + 2


@contextmanager
def connected(url: str, headers: Mapping[str, str]) -> Iterator[Connection]:
    """Yield a connection, closed at the end."""
    connection = Connection(url, headers)
    try:
        yield connection
    finally:
        connection.socket.close()


def requests_per_s(
    url: str, headers: Mapping[str, str], paths: Sequence[str], connections: int, seconds: float
) -> float:
    """Ask for the paths in turn over so many connections at once; return the answers a second."""
    selector = selectors.DefaultSelector()
    for number in range(connections):
        one = Connection(url, headers)
        selector.register(one.socket, selectors.EVENT_READ, one)
        one.send(paths[number % len(paths)])
    n, began = connections, time.perf_counter()
    answered = 0
    while (spent := time.perf_counter() - began) < seconds:
        for key, _ in selector.select():
            one = key.data
            one.receive()
            if (answer := one.take()) is not None:
                assert answer[0] == 200, answer
                answered += 1
                one.send(paths[n % len(paths)])
                n += 1
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    return answered / spent
