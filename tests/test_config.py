"""Settings come from the environment, and a bad one is named."""

from pathlib import Path

import pytest

from webapp import create_app
from webapp.config import NAMES, PROJECT, ConfigError, Settings

SECRET = "0123456789abcdef" * 2
KEY = {"SECRET_KEY": SECRET}


def refusal(**environ: str) -> str:
    """Return why the environment is refused."""
    with pytest.raises(ConfigError) as caught:
        Settings.from_environ({**KEY, **environ})
    return str(caught.value)


def test_the_secret_key_is_the_only_setting_without_a_default() -> None:
    settings = Settings.from_environ({**KEY, "PATH": "/bin", "HOME": "/"})
    assert settings == Settings(SECRET, f"sqlite:///{PROJECT}/instance/stepboard.sqlite")


@pytest.mark.parametrize("key", ["", SECRET[:31], "k" * 40, "changeme" * 5])
def test_a_missing_or_short_secret_key_is_refused(key: str) -> None:
    assert "SECRET_KEY must be set, to at least 32" in refusal(SECRET_KEY=key)


def test_an_empty_value_means_the_default() -> None:
    empty = dict.fromkeys(NAMES, "")
    assert Settings.from_environ({**KEY, **empty}) == Settings.from_environ(KEY)


def test_values_are_read() -> None:
    settings = Settings.from_environ(
        {
            **KEY,
            "STEPBOARD_INSTANCE": "/srv/step board",
            "STEPBOARD_ADMIN_PASSWORD": "hush",
            "STEPBOARD_STATEMENT_TIMEOUT_MS": "5000",
            "STEPBOARD_LOGIN_DAYS": "1",
        }
    )
    assert settings == Settings(
        secret_key=SECRET,
        database_url="sqlite:////srv/step board/stepboard.sqlite",
        instance=Path("/srv/step board"),
        admin_password="hush",
        statement_timeout_ms=5000,
        login_days=1,
    )


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_reached_by_the_one_driver(scheme: str) -> None:
    settings = Settings.from_environ({**KEY, "DATABASE_URL": f"{scheme}://u:p@h:5432/d"})
    assert settings.database_url == "postgresql+psycopg://u:p@h:5432/d"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hush@h/d",
        "hush",
        "postgresql://u:hush@h:port/d",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_a_bad_database_url_is_refused_without_repeating_it(url: str) -> None:
    said = refusal(DATABASE_URL=url)
    assert said.startswith("DATABASE_URL must name an SQLite file or a PostgreSQL database")
    assert "hush" not in said


def test_a_replica_is_another_server_than_the_primary() -> None:
    primary = "postgresql://u:hush@h/d"
    replica = Settings.from_environ(
        {**KEY, "DATABASE_URL": primary, "DATABASE_REPLICA_URL": "postgresql://u:hush@h:5433/d"}
    )
    assert replica.replica_url == "postgresql+psycopg://u:hush@h:5433/d"
    for same in (primary, "postgres://other@h:5432/d", "postgresql:///d?host=h&user=x"):
        said = refusal(DATABASE_URL=primary, DATABASE_REPLICA_URL=same)
        assert said.startswith("DATABASE_REPLICA_URL names the database of DATABASE_URL: name")
    said = refusal(DATABASE_URL=primary, DATABASE_REPLICA_URL="mysql://h/d")
    assert said.startswith("DATABASE_REPLICA_URL must name an SQLite file or a PostgreSQL database")


@pytest.mark.parametrize(
    ("primary", "replica"),
    [
        ("", "postgresql://h/d"),
        ("sqlite:////srv/a.sqlite", "sqlite:////srv/b.sqlite"),
        ("postgresql://h/d", "sqlite:////srv/b.sqlite"),
    ],
)
def test_only_postgresql_has_a_replica(primary: str, replica: str) -> None:
    said = refusal(DATABASE_URL=primary, DATABASE_REPLICA_URL=replica)
    assert said.startswith("DATABASE_REPLICA_URL is for PostgreSQL only: unset it")


@pytest.mark.parametrize("value", ["0", "366", "-1", "1.5", "soon", "٣", "9" * 5000])
def test_a_bad_number_is_refused(value: str) -> None:
    said = refusal(STEPBOARD_LOGIN_DAYS=value)
    assert said.startswith("STEPBOARD_LOGIN_DAYS must be a whole number from 1 to 365, not ")


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "https://*.example.com",
        "https://a.example.com/",
        "https://[::1]:8443",
        "null",
        "https://a.example.com, .*",
        r"https://.+",
        "https://(a|b).example.com",
    ],
)
def test_an_origin_that_is_a_pattern_or_ipv6_is_refused(origins: str) -> None:
    said = refusal(STEPBOARD_CORS_ORIGINS=origins)
    assert said.startswith("STEPBOARD_CORS_ORIGINS must be such as https://app.example.com, not ")


def test_a_name_that_looks_like_a_setting_but_is_none_is_refused() -> None:
    said = refusal(STEPBOARD_LOGIN_DAY="3")
    assert said.startswith("STEPBOARD_LOGIN_DAY is not a setting;")
    assert "STEPBOARD_LOGIN_DAYS" in said


def test_the_readme_lists_every_setting() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    for name in ("SECRET_KEY", "DATABASE_URL", "DATABASE_REPLICA_URL", *NAMES):
        assert f"| `{name}` |" in readme


def test_the_secret_key_and_the_instance_folder_reach_the_application(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.sqlite'}"
    app = create_app(Settings(SECRET, url, instance=tmp_path))
    assert app.secret_key == SECRET
    assert app.instance_path == str(tmp_path)
