"""KEKs from the command line, in files and in a token: made, counted, changed, put away; and passwords that change."""

import asyncio
import json
import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
import sqlalchemy.exc
from psycopg import sql
from sqlalchemy.ext.asyncio import create_async_engine

from app import clock, db, settings
from app.ring import Ring
from app.settings import Settings
from app.wrapped import WRAPPED
from proof.hsm import Token
from proof.signer import Alg
from tests import tokens
from tests.app.terminal import Run, typing
from tests.walls import lives


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from tokens.driver(tmp_path_factory.mktemp("softhsm"))


@pytest.fixture
def run(database: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> Run:  # noqa: ANN401  pytest's own
    """Give the command as an operator types it; answers its exit code and what it said."""
    types = typing(database, settings, tmp_path / "keys", monkeypatch, capfd)

    def typed(*words: str) -> tuple[int, Any]:
        code, said, complained = types(*words)
        return code, json.loads(said) if said else complained

    return typed


def in_token(token: Token, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pin = folder / "pin"
    pin.write_text(token.pin() + "\n")
    monkeypatch.setenv("ERESIDENCY_PKCS11_MODULE", str(token.module))
    monkeypatch.setenv("ERESIDENCY_PKCS11_TOKEN", token.label)
    monkeypatch.setenv("ERESIDENCY_PKCS11_PIN_FILE", str(pin))


def test_a_kek_in_files_is_changed(run: Run) -> None:
    assert run("kek", "rotate") == (0, {"version": 2})
    code, progress = run("kek", "status")

    assert (code, progress["newest"], set(progress["wrapped"])) == (0, 2, {wrap.table for wrap in WRAPPED})
    assert run("kek", "retire", "2") == (2, "eresidency: KEK 2 is the newest and wraps\n")
    assert run("kek", "retire", "7") == (2, "eresidency: there is no KEK 7\n")
    assert "its successor is too young" in run("kek", "retire", "1")[1]


def test_a_kek_in_a_token_is_made_and_changed(
    run: Run, softhsm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_token(tokens.new(softhsm), tmp_path, monkeypatch)

    assert run("kek", "status") == (2, "eresidency: the token holds no keys of ours: eresidency kek rotate\n")
    assert run("kek", "rotate") == (0, {"version": 1})
    assert run("kek", "rotate") == (0, {"version": 2})
    assert run("kek", "status")[1]["newest"] == 2
    assert not (tmp_path / "keys" / "kms").exists(), "no KEK is made in files beside those of the token"


def test_a_wrong_pin_is_said_and_not_shown(
    run: Run, softhsm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_token(tokens.new(softhsm), tmp_path, monkeypatch)
    (tmp_path / "pin").write_text("135791")

    code, said = run("kek", "rotate")

    assert (code, said.startswith("eresidency: the HSM doesn't let us in")) == (2, True)
    assert "135791" not in said


def test_heads_of_the_audit_chain_are_believed_by_every_key_that_ever_signed_them(run: Run, tmp_path: Path) -> None:
    code, made = run("keys", "rotate", "audit")
    later = Ring(tmp_path / "keys", "audit", Alg.EDDSA, now=lambda: clock.real() + timedelta(days=30))

    assert (code, later.kid) == (0, made["kid"])
    assert [key["kid"] for key in later.published()] == [made["kid"]]
    assert len({key["kid"] for key in later.ever()}) == 2


# -- secrets that change while we run ----------------------------------------------------------------------------------


def test_a_secret_is_read_again_from_the_file_it_came_from(tmp_path: Path) -> None:
    file = tmp_path / "word"
    file.write_text("one\n")
    told = settings_of(ERESIDENCY_ROLE_PASSWORD_FILE=str(file))

    assert (told.role_password, told.secret("role_password")) == ("one", "one")
    file.write_text("two\n")
    assert told.secret("role_password") == "two"
    file.unlink()
    assert told.secret("role_password") == "one", "while it is being replaced, what was there at the start holds"
    assert settings_of(ERESIDENCY_ROLE_PASSWORD="three").secret("role_password") == "three"


def test_settings_show_no_secret() -> None:
    told = settings_of(ERESIDENCY_ROLE_PASSWORD="word-of-roles", ERESIDENCY_PKCS11_PIN="271828")

    assert not {"word-of-roles", "271828", "word-of-owner"} & set(repr(told).replace("(", " ").split())
    assert "word" not in repr(told)


def settings_of(**environ: str) -> Settings:
    told = {
        "ERESIDENCY_DATABASE_URL": "postgresql://owner:word-of-owner@localhost/x",
        "ERESIDENCY_ISSUING_BANK": '{"name": "A Bank", "bic": "ABCDKZKA", "code": "125", "partner": "a-bank"}',
        "ERESIDENCY_EXPOSURE_URL": "https://exposure.example/",
    }
    return settings.load(told | environ)


def test_a_role_gets_another_password_while_connections_are_made(database: str) -> None:
    """First the file is written, then the role is altered: before, between and after everybody gets in."""
    role, words = f"eresidency_test_{secrets.token_hex(4)}", ["first", "second"]
    told = [words[0]]
    address = sqlalchemy.make_url(database).set(username=role)
    made = create_async_engine(address, poolclass=sqlalchemy.NullPool)
    db.admit(made, lambda: told[0])

    async def enter() -> None:
        async with made.connect():
            pass

    with lives.connect(database) as owner:
        owner.autocommit = True
        name = sql.Identifier(role)
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(words[0])))
        try:
            asyncio.run(enter())
            told[0] = words[1]
            asyncio.run(enter())
            owner.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(words[1])))
            asyncio.run(enter())
            told[0] = "wrong"
            asyncio.run(enter())
            owner.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal("third")))
            with pytest.raises(sqlalchemy.exc.OperationalError):
                asyncio.run(enter())
        finally:
            owner.execute(sql.SQL("DROP ROLE {}").format(name))
