"""Send what the API's document allows and what it forbids, and hold each answer against it.

Schemathesis makes the cases: those that cover the document, then random ones. To make one takes
longer than to answer it, so most requests put the values of these together anew: only good ones, or
good ones and a bad one.
"""

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.schemas import APIOperation
from sqlalchemy import select, update

from webapp.accounts import make_token
from webapp.extensions import db
from webapp.models import Run, Scope, Source, Step, User

from .browser.rows import import_sample

CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "unsupported_method",
    "allow_header_conformance",
)
# These send requests of their own, so that once for each operation is enough.
CHECKED_ONCE = ("ignored_auth",)
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
REFUSED = (400, 404)
TOO_LONG = 414
# Of a base that cannot be imported: else each such request would start a process.
NOT_NOW = 409
ACCEPTED = [200, 202, 401, 403, 404, 409, TOO_LONG, 429]
CONFIG = {
    "generation": {"with-security-parameters": False},
    "checks": {
        "negative_data_rejection": {"expected-statuses": [*REFUSED, 401, 405, TOO_LONG, 429]},
        "positive_data_acceptance": {"expected-statuses": ACCEPTED},
    },
}
LOGIN, LOGOUT = "POST /osm/api/login", "POST /osm/api/logout"
# To check a password is made to be slow; and logins are throttled.
EVERY_NTH_LOGIN = 50

Values = dict[str, list[Any]]


def _no_values() -> Values:
    return defaultdict(list)


@dataclass
class Pool:
    """What is known of one operation: good values by parameter, and bad ones with their places."""

    good: Values = field(default_factory=_no_values)
    bad: list[tuple[str, str, Any]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)


def fill(app: Flask) -> None:
    """Fill a database with the sample, as a source that cannot be read again."""
    import_sample(app)
    with app.app_context():
        db.session.execute(update(Source).values(kind="pushed"))
        db.session.commit()


def fit_cursor(query: Any) -> Any:
    """Let a good query begin at the first row: no other cursor is good that no server gave.

    Beside it stands no order other than that of ids, no offset and no page without rows.
    """
    if "cursor" not in (query or {}):
        return query
    unfit = {"sort", "offset"} | ({"limit"} if str(query.get("limit")) == "0" else set())
    kept = {name: value for name, value in query.items() if name not in unfit}
    return {**kept, "cursor": ""}


class Fuzzer:
    """A script that sends cases to an application and counts the answers.

    `counts` is by operation and status; `failures` tells what was not as documented, by title.
    """

    def __init__(self, app: Flask) -> None:
        """Read the document, with a token of admin's."""
        load_all_checks()
        self.app = app
        self.counts: Counter[tuple[str, int]] = Counter()
        self.failures: dict[str, str] = {}
        self.token = self.make_token()
        self.schema = schemathesis.openapi.from_wsgi(
            "/osm/api/openapi.json",
            app,
            config=schemathesis.Config.from_dict(CONFIG),
            headers={"Authorization": f"Bearer {self.token}"},
        )
        self.operations = [found.ok() for found in self.schema.get_all_operations()]
        self.pools = {operation.label: Pool() for operation in self.operations}
        self.places = self.find_places()
        self._checks = CHECKS.get_by_names(list(CHECKED))
        once = CHECKS.get_by_names(list(CHECKED_ONCE))
        self._checks_once = {operation.label: once for operation in self.operations}

    def make_token(self) -> str:
        """Return a new token of admin's."""
        with self.app.app_context():
            user = db.session.execute(select(User)).scalar_one()
            return make_token(user, "fuzz", None, Scope.ADMIN)

    def find_places(self) -> Values:
        """Return what can stand in an address so that something is found there."""
        with self.app.app_context():
            runs = db.session.execute(select(Run.id, Run.run_uuid).order_by(Run.id)).all()
            step_ids = list(db.session.scalars(select(Step.id).order_by(Step.id)))
        return {
            "run_key": [*(str(run.id) for run in runs), *(run.run_uuid for run in runs)],
            "step_id": step_ids,
            "source_id": [1],
        }

    def send_covering(self) -> None:
        """Send each kind of value that a parameter can have, and each way to be wrong."""
        for operation in self.operations:
            cases = self.schema.iter_coverage_cases(
                operation,
                generation_modes=[POSITIVE, NEGATIVE],
                generation_config=self.schema.config.generation,
            )
            for case in cases:
                self.keep_values(case, self.send(case))

    def send_random(self, n: int, start: int) -> None:
        """Send up to `n` random good and bad cases of each operation; a start makes the same."""
        for operation in self.operations:
            for mode in (POSITIVE, NEGATIVE):
                self.send_random_of(operation, mode, 1 if operation.label == LOGIN else n, start)

    def send_random_of(
        self, operation: APIOperation, mode: GenerationMode, n: int, start: int
    ) -> None:
        """Send up to `n` cases of one operation; without a parameter there is nothing to vary."""

        @seed(start)
        @settings(
            max_examples=n,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def send_one(case: Case) -> None:
            self.keep_values(case, self.send(case))

        try:
            send_one()
        except Unsatisfiable:
            # Nothing in it can be wrong.
            assert mode is NEGATIVE

    def send_mixed(self, n: int, start: int) -> None:
        """Send `n` cases put together of the values that are known; a start makes the same."""
        choose = random.Random(start)
        for number in range(n):
            operation = choose.choice(self.operations)
            is_bad = bool(self.pools[operation.label].bad) and choose.random() < 0.4
            case = self.mix(operation, choose, is_bad, number % EVERY_NTH_LOGIN == 0)
            response = self.send(case)
            expected = (*REFUSED, TOO_LONG) if is_bad else (200, NOT_NOW, TOO_LONG)
            if operation.label == LOGIN:
                expected = (400, 401, 429)
            if response.status_code not in expected:
                self.fail(case, f"{response.status_code}, not one of {expected}", response.text)

    def mix(
        self, operation: APIOperation, choose: random.Random, is_bad: bool, may_log_in: bool
    ) -> Case:
        """Return a case of some good values, and a bad one among them if asked to."""
        pool = self.pools[operation.label]
        place_names = [parameter.name for parameter in operation.path_parameters]
        names = choose.sample(sorted(pool.good), choose.randrange(min(len(pool.good), 6) + 1))
        asked = {
            "path": {name: choose.choice(self.places[name]) for name in place_names},
            "query": {name: choose.choice(pool.good[name]) for name in names},
        }
        if is_bad:
            place, name, value = choose.choice(pool.bad)
            asked[place][name] = value
        else:
            asked["query"] = fit_cursor(asked["query"])
        body: dict[str, Any] = {}
        if pool.bodies and (operation.label != LOGIN or may_log_in):
            body = {"body": choose.choice(pool.bodies), "media_type": "application/json"}
        return operation.Case(path_parameters=asked["path"], query=asked["query"], **body)

    def keep_values(self, case: Case, response: Response) -> None:
        """Keep the values of a case: all of a good one, and the bad value that was refused."""
        pool, meta = self.pools[case.operation.label], case.meta
        assert meta is not None
        if meta.generation.mode is POSITIVE:
            for name, value in (case.query or {}).items():
                pool.good[name].append(value)
            if case.media_type:
                pool.bodies.append(case.body)
            return
        name = getattr(meta.phase.data, "parameter", None)
        place = str(getattr(meta.phase.data, "parameter_location", None))
        values = {"query": case.query, "path": case.path_parameters}.get(place) or {}
        if response.status_code in REFUSED and name in values:
            pool.bad.append((place, str(name), values[name]))

    def send(self, case: Case) -> Response:
        """Send one case, hold its answer against the document, and return it."""
        label = case.operation.label
        if case.meta and case.meta.generation.mode is POSITIVE:
            case.query = fit_cursor(case.query)
        token = self.make_token() if label == LOGOUT else self.token
        # In the process nobody would unpack what is compressed.
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        response = case.call(headers=headers)
        self.counts[label, response.status_code] += 1
        checks = list(self._checks)
        if response.status_code == 200 and case.method == case.operation.method.upper():
            checks += self._checks_once.pop(label, [])
        try:
            sent = {"headers": headers}
            case.validate_response(response, checks=checks, headers=headers, transport_kwargs=sent)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.fail(case, str(getattr(failure, "title", failure)), str(failure))
        return response

    def fail(self, case: Case, title: str, details: str) -> None:
        """Note what was not as documented; the first of its kind tells enough."""
        told = f"{details[:1000]}\n{case.as_curl_command()[:2000]}"
        self.failures.setdefault(f"{case.operation.label}: {title}", told)
