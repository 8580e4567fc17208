"""The connection that a session reads by: kept within a transaction, and never beyond it."""

from flask import Flask
from sqlalchemy import select, update

from webapp.extensions import db
from webapp.models import Step, User
from webapp.queries.plain import fetch
from webapp.transactions import writing

NAME = select(User.username)


def test_a_connection_is_kept_until_its_transaction_ends(app: Flask) -> None:
    with app.app_context():
        first = db.session().reading_connection(NAME)
        assert db.session().reading_connection(NAME) is first
        assert db.session().reading_connection(select(Step.id)) is first
        db.session.rollback()
        assert first.closed
        again = db.session().reading_connection(NAME)
        assert not again.closed
        assert fetch(NAME).scalar_one() == "admin"


def test_what_is_read_after_a_write_is_what_was_written(app: Flask) -> None:
    with app.app_context():
        assert fetch(NAME).scalar_one() == "admin"
        with writing():
            db.session.execute(update(User).values(username="somebody"))
            assert fetch(NAME).scalar_one() == "somebody"
        assert fetch(NAME).scalar_one() == "somebody"
