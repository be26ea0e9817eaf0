"""What an installation is told is read once, and said wrong it is named."""

import re

import msgspec
import pytest
import sqlalchemy

from app import db, settings
from app.settings import IssuingBank, Settings
from tests import postgres

OWNER = "owner:word@db.example:5433/eresidency?sslmode=verify-full"
BANK = {"ERESIDENCY_ISSUING_BANK": '{"name": "A Bank", "bic": "ABCDKZKA", "code": "125", "partner": "a-bank"}'}
EXPOSURE = {"ERESIDENCY_EXPOSURE_URL": "https://exposure.example/"}


def load(environ: dict[str, str]) -> Settings:
    """Read settings that name what production must be told."""
    return settings.load(BANK | EXPOSURE | environ)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_an_address_as_providers_write_it_is_taken(scheme: str) -> None:
    told = load({"ERESIDENCY_DATABASE_URL": f"{scheme}://{OWNER}"})

    url = sqlalchemy.make_url(told.database_url)
    assert (url.drivername, url.host, url.port, url.database) == (
        "postgresql+psycopg",
        "db.example",
        5433,
        "eresidency",
    )
    assert url.query == {"sslmode": "verify-full"}


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


@pytest.mark.parametrize(
    "address",
    [
        "owner@db.example/x?sslmode=verify-full", "owner@127.0.0.1/x", "owner@localhost:5433/x", "owner@[::1]/x",
        "/x?host=/var/run/postgresql", "/x", "owner@localhost/x?hostaddr=127.0.0.1", "/x?host=/one&host=/two",
    ],
)  # fmt: skip
def test_production_reaches_its_database_here_or_by_a_name_that_is_checked(address: str) -> None:
    assert load({"DATABASE_URL": f"postgres://{address}"}).database_url.endswith(address)


@pytest.mark.parametrize(
    "address",
    [
        "owner@db.example/x", "owner@10.0.0.5/x", "owner@db.example/x?sslmode=disable", "/x?host=db.example",
        "owner@db.example/x?sslmode=require", "owner@db.example/x?sslmode=verify-ca", "/x?host=/one&host=db.example",
        "owner@localhost/x?hostaddr=10.0.0.5", "owner@localhost/x?host=db.example", "/x?host=/one,db.example",
    ],
)  # fmt: skip
def test_production_speaks_over_no_network_that_could_answer_in_its_place(address: str) -> None:
    with pytest.raises(settings.Unguarded, match="verify-full"):
        load({"DATABASE_URL": f"postgres://{address}"})

    assert load({"DATABASE_URL": f"postgres://{address}", "ERESIDENCY_ENVIRONMENT": "demo"}).virtual


@pytest.mark.parametrize("name", ["AGENCIES_URL", "MESSAGES_URL", "INTEGRITY_URL", "ANCHOR_NOTARY"])
def test_production_asks_nobody_outside_without_tls(name: str) -> None:
    given = {"DATABASE_URL": f"postgres://{OWNER}"}

    for url in ("https://outside.example/lists", "http://127.0.0.1:9106/", ""):
        load({**given, f"ERESIDENCY_{name}": url})
    for url in ("http://outside.example/lists", "ftp://outside.example", "http://127.0.0.1.outside.example"):
        with pytest.raises(settings.Unguarded, match=f"{name.lower()} .* https"):
            load({**given, f"ERESIDENCY_{name}": url})


def test_production_names_the_bank_whose_money_the_wallets_hold() -> None:
    given = {"DATABASE_URL": f"postgres://{OWNER}"}

    with pytest.raises(settings.BadSetting, match="issuing_bank"):
        settings.load(given)
    assert load(given).issuing_bank == IssuingBank(name="A Bank", bic="ABCDKZKA", code="125", partner="a-bank")
    for kind in ("demo", "test"):
        assert settings.load({**given, "ERESIDENCY_ENVIRONMENT": kind}).issuing_bank.code == "999"


def test_production_asks_somebody_who_is_in_public_office() -> None:
    given = {"DATABASE_URL": f"postgres://{OWNER}"}

    for told in ({}, {"ERESIDENCY_EXPOSURE_URL": ""}):
        with pytest.raises(settings.BadSetting, match="exposure_url"):
            settings.load(BANK | given | told)
    for kind in ("demo", "test"):
        assert settings.load({**given, "ERESIDENCY_ENVIRONMENT": kind}).exposure_url is None


@pytest.mark.parametrize(
    "told",
    [
        "A Bank",
        "{}",
        '{"name": "", "bic": "ABCDKZKA", "code": "125", "partner": "a-bank"}',
        '{"name": "A Bank", "bic": "ABCDKZKA", "code": "125"}',
        '{"name": "A Bank", "bic": "ABCDKZKA", "code": "125", "partner": "A Bank"}',
        '{"name": "A", "bic": "A", "code": "1", "partner": "a"}',
    ],
)
def test_a_bank_that_is_told_wrong_is_a_bad_setting(told: str) -> None:
    with pytest.raises(settings.BadSetting, match="issuing_bank"):
        load({"DATABASE_URL": f"postgres://{OWNER}", "ERESIDENCY_ISSUING_BANK": told})


KEY_HASH = "android:apk-key-hash:" + "A" * 43


@pytest.mark.parametrize(
    ("origins", "rp_id"),
    [
        ("https://eresidency.gov.kz", "eresidency.gov.kz"),
        ("https://app.eresidency.gov.kz:8443", "eresidency.gov.kz"),
        (f"https://eresidency.gov.kz,{KEY_HASH}", "eresidency.gov.kz"),
        ("http://localhost:8000", "localhost"),
    ],
)
def test_passkeys_come_from_our_website_and_our_apps(origins: str, rp_id: str) -> None:
    told = {"DATABASE_URL": f"postgres://{OWNER}", "ERESIDENCY_ORIGINS": origins, "ERESIDENCY_RP_ID": rp_id}

    assert load(told).origins == tuple(origins.split(","))


@pytest.mark.parametrize(
    "origin",
    [
        "", "eresidency.gov.kz", "https://eresidency.gov.kz/", "https://eresidency.gov.kz/app", "HTTPS://ERESIDENCY.GOV.KZ",
        "https://eresidency.gov.kz:443", "https://evil.example", "https://evileresidency.gov.kz", "https://gov.kz",
        "http://eresidency.gov.kz", "https://eresidency.gov.kz?x", "https://a@eresidency.gov.kz", "*", "null",
        "android:apk-key-hash:", KEY_HASH[:-1], KEY_HASH + "A", KEY_HASH[:-1] + "B", KEY_HASH + "=",
        KEY_HASH.replace("A", "+"), "android:apk-key-hash-sha256:" + "A" * 43, "ios:bundle-id:kz.gov.eresidency",
    ],
)  # fmt: skip
def test_an_origin_of_another_form_is_a_bad_setting(origin: str) -> None:
    told = {"ERESIDENCY_ORIGINS": f"https://eresidency.gov.kz,{origin}", "ERESIDENCY_RP_ID": "eresidency.gov.kz"}

    with pytest.raises(settings.BadSetting, match="origins"):
        load({"DATABASE_URL": f"postgres://{OWNER}", **told})


def test_compose_tells_production_what_has_no_safe_default() -> None:
    text = (postgres.ROOT / "compose.yaml").read_text(encoding="utf-8")
    told = {name.lower() for name in re.findall(r"ERESIDENCY_([A-Z_]+?)(?:_FILE)?:", text)}

    assert told <= {field.name for field in msgspec.structs.fields(Settings)}
    assert {
        "issuer",
        "rp_id",
        "origins",
        "agencies_url",
        "csca_folder",
        "keys",
        "role_password",
        "issuing_bank",
        "exposure_url",
    } <= told
    assert "--trusted-proxies" in text


def test_three_processes_fit_into_the_connections_of_a_server() -> None:
    allowed, kept_for_superusers = 100, 3  # max_connections and superuser_reserved_connections, as PostgreSQL ships
    each = Settings(database_url="").pool_max + sum(db.POOLS.values())

    assert 3 * each <= allowed - kept_for_superusers


@pytest.mark.parametrize("name", ["credential_token", "credential_root_token"])
def test_keys_in_a_token_need_its_driver(name: str) -> None:
    given = {"DATABASE_URL": f"postgres://{OWNER}", f"ERESIDENCY_{name.upper()}": "a-token"}

    with pytest.raises(settings.BadSetting, match=name):
        load(given)
    assert getattr(load({**given, "ERESIDENCY_PKCS11_MODULE": "/usr/lib/a-driver.so"}), name) == "a-token"
