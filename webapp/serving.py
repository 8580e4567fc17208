"""Stand behind proxies, and under a path prefix that the address has or a proxy has taken off."""

import ctypes
import gc
import re
import signal
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from .config import URL_PREFIX, Settings
from .security import add_headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# So many objects more than before begin a collection of the youngest; Python's own is 700.
COLLECTED_AT = 20_000
# From malloc.h.
M_ARENA_MAX = -8
# From linux/prctl.h.
PR_SET_PDEATHSIG = 1
PREFIX_HEADER = "HTTP_X_FORWARDED_PREFIX"


def init_proxies(app: Flask, settings: Settings) -> None:
    """Mount the application under its prefix, and believe as many proxies as the settings say.

    Where the prefix is set, no header says another one.
    """
    n, prefix = settings.proxies, settings.url_prefix
    wsgi: WSGIApplication = app.wsgi_app
    if prefix:
        wsgi = DispatcherMiddleware(_Outside(prefix), {prefix: wsgi})
    if n:
        x_prefix = 0 if prefix else n
        wsgi = ProxyFix(wsgi, x_for=n, x_proto=n, x_host=n, x_port=0, x_prefix=x_prefix)
        wsgi = _CleanPrefix(wsgi)
    app.wsgi_app = wsgi  # type: ignore[assignment, method-assign]


def settle_memory() -> None:
    """Set how a worker that has made its application uses memory from here on.

    Its threads share one heap: each would keep what the largest page took, 64 times over. Python's
    collector leaves alone what was made at the start, since that stays to the end, and looks
    seldom: a page makes some ten thousand objects, and hardly a cycle.
    """
    # Of the GNU C library; others have one heap anyway.
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option:
        set_option(M_ARENA_MAX, 1)
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTED_AT, 20, 50)


def hear_sigterm() -> None:
    """Let SIGTERM end a worker that still loads.

    Until granian's worker serves it has its parent's handler, which does nothing there: the parent
    would wait in vain, and kill it in the end. Any other server is left alone.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if getattr(handler, "__module__", "").startswith("granian.server"):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def end_with_parent() -> None:
    """Have Linux send this worker SIGTERM when its parent is gone, however that ended.

    Left alone it would go on to serve, and keep the port from the next server.
    """
    set_option = getattr(ctypes.CDLL(None), "prctl", None)
    if set_option:
        set_option(PR_SET_PDEATHSIG, signal.SIGTERM)


class _Outside:
    """Answer 404 to everything that is not under the prefix."""

    def __init__(self, prefix: str) -> None:
        self.text = f"There is nothing here; Stepboard is at {prefix}/.\n"

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        answer = add_headers(Response(self.text, 404), environ["wsgi.url_scheme"] == "https")
        return answer(environ, start_response)


class _CleanPrefix:
    """Drop a forwarded prefix that is no path: it would stand at the start of every link."""

    def __init__(self, wsgi: "WSGIApplication") -> None:
        self.wsgi = wsgi

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        given = [one.strip().rstrip("/") for one in environ.pop(PREFIX_HEADER, "").split(",")]
        if all(re.fullmatch(URL_PREFIX, one) for one in given):
            environ[PREFIX_HEADER] = ",".join(given)
        return self.wsgi(environ, start_response)
