"""PostgreSQL restarted under load: no wrong answer, and all is well again by itself."""

import http.client
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import func, select

from tests.postgres import restart_cluster, throwaway_cluster
from webapp.extensions import db
from webapp.ingest.osmedeus.importer import import_base
from webapp.models import Token

from .conftest import PATHS, fresh_database, served
from .load import Load

MODES = ("fast", "immediate")


def test_postgresql_restarted_under_load(sample: Path, is_long: bool) -> None:
    with throwaway_cluster() as parameters, fresh_database(parameters) as app:
        folder = Path(parameters.removeprefix("host=").partition("&")[0])
        with app.app_context():
            import_base(sample / "base")
            db.engine.dispose()
        with served(app) as server:
            expected = server.expected()
            with Load(server.url, expected, server.headers, 8) as load:
                made = 0
                for mode in MODES * (5 if is_long else 1):
                    load.run_until(lambda answers: answers.counts["right"] > 20, 60)
                    restart_cluster(folder, mode)
                    back = time.monotonic()
                    load.run_until(lambda answers, since=back: answers.last_right_at > since, 60)
                    made += log_in(server.url)
            assert load.answers.wrong == [], "\n".join(load.answers.wrong[:5])
            assert load.answers.counts["broken"] == 0
            assert set(PATHS) == set(expected)
            print(load.answers.told())
            with app.app_context():
                logins = select(func.count()).select_from(Token).where(Token.name == "API login")
                assert db.session.scalar(logins) == made


def log_in(url: str) -> int:
    """Log in once, which writes; return how many tokens were acknowledged."""
    from tests.conftest import PASSWORD

    body = '{"username": "admin", "password": "%s"}' % PASSWORD  # noqa: UP031
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)) as connection:
        connection.request("POST", "/osm/api/login", body)
        return int(connection.getresponse().status == 200)
