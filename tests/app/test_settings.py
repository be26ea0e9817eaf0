"""What an installation is told is read once, and said wrong it is named."""

import re

import msgspec
import pytest
import sqlalchemy

from app import db, settings
from app.settings import Settings, load
from tests import postgres

OWNER = "owner:word@db.example:5433/eresidency"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_an_address_as_providers_write_it_is_taken(scheme: str) -> None:
    told = load({"ERESIDENCY_DATABASE_URL": f"{scheme}://{OWNER}?sslmode=require"})

    url = sqlalchemy.make_url(told.database_url)
    assert (url.drivername, url.host, url.port, url.database) == (
        "postgresql+psycopg",
        "db.example",
        5433,
        "eresidency",
    )
    assert url.query == {"sslmode": "require"}


def test_database_url_is_what_is_read_where_ours_is_not_set() -> None:
    given = {"DATABASE_URL": f"postgres://{OWNER}"}

    assert load(given).database_url == f"postgresql+psycopg://{OWNER}"
    assert load({**given, "ERESIDENCY_DATABASE_URL": "postgresql:///other"}).database_url.endswith("/other")


def test_everybody_who_works_on_a_server_says_the_same_word_for_its_roles() -> None:
    demo, test = (
        load({"ERESIDENCY_DATABASE_URL": f"{scheme}://owner:word@db.example/{name}", "ERESIDENCY_ENVIRONMENT": kind})
        for scheme, name, kind in (("postgres", "one", "demo"), ("postgresql", "two", "test"))
    )

    assert demo.role_password == test.role_password == settings.role_word("postgresql://owner:word@/three")
    assert demo.role_password != settings.role_word("postgresql://owner:another@/one")
    assert "word" not in (demo.role_password or "")


def test_a_word_that_is_given_is_the_word() -> None:
    given = {"DATABASE_URL": f"postgres://{OWNER}", "ERESIDENCY_ENVIRONMENT": "demo"}

    assert load({**given, "ERESIDENCY_ROLE_PASSWORD": "given"}).role_password == "given"


def test_in_production_nothing_is_derived() -> None:
    assert load({"DATABASE_URL": f"postgres://{OWNER}"}).role_password is None


def test_compose_tells_production_what_has_no_safe_default() -> None:
    text = (postgres.ROOT / "compose.yaml").read_text(encoding="utf-8")
    told = {name.lower() for name in re.findall(r"ERESIDENCY_([A-Z_]+?)(?:_FILE)?:", text)}

    assert told <= {field.name for field in msgspec.structs.fields(Settings)}
    assert {"issuer", "rp_id", "origins", "agencies_url", "csca_folder", "keys", "role_password"} <= told
    assert "--trusted-proxies" in text


def test_three_processes_fit_into_the_connections_of_a_server() -> None:
    allowed, kept_for_superusers = 100, 3  # max_connections and superuser_reserved_connections, as PostgreSQL ships
    each = Settings(database_url="").pool_max + sum(db.POOLS.values())

    assert 3 * each <= allowed - kept_for_superusers
