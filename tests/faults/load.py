"""Ask a server for known answers over many connections, and sort what comes."""

import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT_S = 60.0


@dataclass
class Answers:
    """What came: right answers, 503s that say when to try again, broken connections, wrong ones."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    last_right_at: float = 0.0

    @property
    def n(self) -> int:
        """Return how many requests were sent."""
        return sum(self.counts.values())

    def p95_ms(self) -> float:
        """Return the time below which 95 of 100 answers came."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.95)] * 1000

    def told(self) -> str:
        """Return the whole as one line."""
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(self.counts.items()))
        return f"{self.n:,} requests: {kinds}; p95 {self.p95_ms():.0f} ms"


class Load:
    """Requests over many connections at once, each with its own thread, while a block runs."""

    def __init__(
        self,
        url: str,
        expected: Mapping[str, bytes],
        headers: Mapping[str, str],
        connections: int,
        per_second: float = 0.0,
    ) -> None:
        """Ask for the paths of `expected` in turn; `per_second` 0 means as fast as it goes."""
        self.answers = Answers()
        self._netloc = urlsplit(url).netloc
        self._expected = expected
        self._headers = dict(headers)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._pace = connections / per_second if per_second else 0.0
        self._threads = [
            threading.Thread(target=self._ask, args=(n / connections,), daemon=True)
            for n in range(connections)
        ]

    def __enter__(self) -> "Load":
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Send no more, and wait for what is under way."""
        self._ended.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S + 5)

    def run_until(self, is_enough: Callable[[Answers], bool], most_s: float) -> None:
        """Go on until it is enough; fail after `most_s` seconds."""
        end = time.monotonic() + most_s
        while not is_enough(self.answers):
            assert time.monotonic() < end, self.answers.told()
            time.sleep(0.05)

    def _ask(self, part: float) -> None:
        connection = http.client.HTTPConnection(self._netloc, timeout=TIMEOUT_S)
        next_at = time.monotonic() + part * self._pace
        for path in itertools.cycle(self._expected):
            if self._ended.wait(max(next_at - time.monotonic(), 0)):
                break
            next_at += self._pace
            began = time.monotonic()
            kind = self._get(connection, path)
            with self._lock:
                self.answers.counts[kind] += 1
                self.answers.seconds.append(time.monotonic() - began)
                if kind == "right":
                    self.answers.last_right_at = time.monotonic()
        connection.close()

    def _get(self, connection: http.client.HTTPConnection, path: str) -> str:
        try:
            connection.request("GET", path, headers=self._headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            # A server that is away refuses at once.
            time.sleep(0.05)
            return "broken"
        if response.status == 200 and body == self._expected[path]:
            return "right"
        if response.status == 503 and response.headers["Retry-After"]:
            return "told to try again"
        with self._lock:
            self.answers.wrong.append(f"{path}: {response.status} {body[:300]!r}")
        return "wrong"


def fetch(url: str, path: str, headers: Mapping[str, str]) -> bytes:
    """Return one right answer, to compare others with."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
    connection.request("GET", path, headers=dict(headers))
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status == 200, body
    return body
