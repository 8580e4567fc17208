"""Passwords that whoever guesses tries first are refused; made-up ones and odd ones are not."""

import time

import pytest
from argon2 import Type, extract_parameters

from webapp import passwords
from webapp.accounts import AccountError, check_password, make_up_password
from webapp.passwords import hash_password, why_easy

from .cheap import PRODUCT_HASHER, PRODUCT_NOBODY
from .conftest import PASSWORD


def test_a_hash_takes_what_owasp_asks_for_and_so_does_a_user_that_nobody_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "_hasher", PRODUCT_HASHER)
    for made in (hash_password(PASSWORD), PRODUCT_NOBODY):
        taken = extract_parameters(made)
        costs = (taken.type, taken.time_cost, taken.memory_cost, taken.parallelism)
        assert costs == (Type.ID, 2, 19 * 1024, 1)


@pytest.mark.parametrize(
    "password",
    [
        "adminadminadmin",
        "stepboardstepboard",
        "Stepboard-Admin!",
        "osmedeus.2026.1",
        "eve.adams.eve.adams",
        "EveAdams2026",
        "Passw0rd1234",
        "password of admin",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "abcdefghijkl",
        "123456789012",
        "qwertyuiop12",
        "1q2w3e4r5t6y",
        "iloveyou1234",
        "letmeinletmein",
        "changeme1234",
        "trustno1trustno1",
        "basketball12",
        "januaryfebruary",
    ],
)
def test_what_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(AccountError, match="This password is easy to guess: it is "):
        check_password(password, "Eve.Adams")


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "correct horse battery staple",
        "a password of eve's own",
        "пароль из четырёх слов",
        "  with spaces around ",
        "8402-9917-2740-1183",
        "x9" + "🦜🌵🎲🧭🛶🧅🪁🎈🥁🪵🦔🍋",
    ],
)
def test_what_nobody_expects_is_taken(password: str) -> None:
    check_password(password, "eve")


def test_made_up_passwords_are_taken_and_long() -> None:
    for password in [make_up_password() for _ in range(200)]:
        check_password(password, "eve")
        assert len(password) == 22


@pytest.mark.parametrize("name", ["", ".", "a", "ev", "(", "[a-z]*", "x" * 100, "\\"])
def test_a_name_of_any_kind_can_be_looked_for(name: str) -> None:
    assert why_easy(PASSWORD, name) == ""


def test_a_long_password_is_judged_by_its_beginning() -> None:
    """To judge all of one made of look-alike signs would take a library like this one for ever."""
    began = time.monotonic()
    assert why_easy("4@8({[<369&#!1/|0$5+7%2" * 40, "eve") == ""
    assert why_easy("password" * 120, "eve")
    assert time.monotonic() - began < 30
