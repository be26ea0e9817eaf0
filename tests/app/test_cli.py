"""The command, as somebody types it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import psycopg
import pytest

from app import cli
from app.auth import jose
from app.http import ids
from app.settings import Settings
from simulators.house import START_WITHIN_S, STOP_WITHIN_S
from tests import postgres
from tests.app.people import bearer
from tests.app.terminal import as_before


def environment(settings: Settings, **more: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ERESIDENCY_")},
        "ERESIDENCY_ENVIRONMENT": str(settings.environment),
        "ERESIDENCY_DATABASE_URL": settings.database_url,
        "ERESIDENCY_ROLE_PASSWORD": settings.role_password or "",
        "ERESIDENCY_KEYS": str(settings.keys),
        "ERESIDENCY_ISSUING_BANK": '{"name": "A Bank", "bic": "ABCDKZKA", "code": "125", "partner": "a-bank"}',
        "ERESIDENCY_EXPOSURE_URL": "https://exposure.example/",
        **more,
    }


def eresidency(settings: Settings, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", *words]
    return subprocess.run(command, env=environment(settings, **more), capture_output=True, text=True, check=False)


def told(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_residents_are_seeded_by_number_and_the_books_are_sound(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seeding = ("seed", "2", "--start", "700")
    first = told(eresidency(settings, *seeding))

    codes = [
        run(monkeypatch, settings, *words, ERESIDENCY_ENVIRONMENT="test")
        for words in (seeding, ("verify", "ledger"), ("verify", "audit"))
    ]

    *again, ledger, audit = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert codes == [0, 0, 0]
    assert [each["number"] for each in first] == [700, 701]
    assert [(each["subject"], each["wallet"]) for each in first] == [
        (each["subject"], each["wallet"]) for each in again
    ]
    assert (ledger["findings"], audit["findings"]) == ([], [])


@pytest.mark.parametrize(
    ("words", "told_otherwise", "said"),
    [
        (
            ["token", "mint", "--role", "officer"],
            {"ERESIDENCY_ENVIRONMENT": "production"},
            "only a demo or test installation does this",
        ),
        (["seed", "1"], {"ERESIDENCY_ENVIRONMENT": "production"}, "only a demo or test installation does this"),
        (["db", "upgrade"], {"ERESIDENCY_POOL_MAX": "many"}, "setting pool_max is missing or unreadable"),
        (
            ["verify", "ledger"],
            {"ERESIDENCY_DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"},
            "the database does not answer",
        ),
        (
            ["token", "mint", "--role", "officer", "--scopes", "wallet:write"],
            {},
            "the role may not hold wallet:write",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    settings: Settings,
    words: list[str],
    told_otherwise: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run(monkeypatch, settings, *words, **{"ERESIDENCY_ENVIRONMENT": "test", **told_otherwise})

    assert code == 2
    refused = capsys.readouterr()
    assert refused.out == ""
    [line] = refused.err.splitlines()
    assert line.startswith(f"eresidency: {said}")


def test_a_database_without_the_schema_is_told_so(
    settings: Settings, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with postgres.copied(server, "template0") as empty:
        code = run(monkeypatch, msgspec.structs.replace(settings, database_url=empty), "verify", "audit")

    assert code == 2
    assert "eresidency: the schema is not there: eresidency db upgrade" in capsys.readouterr().err


def test_an_environment_that_says_nothing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [*filter(lambda name: name.startswith("ERESIDENCY_"), os.environ), "DATABASE_URL"]:
        monkeypatch.delenv(name, raising=False)

    with as_before():
        code = cli.run(["token", "mint", "--role", "service"])

    assert code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("eresidency: setting database_url is missing or unreadable")


SAVINGS: dict[str, Any] = {
    "code": "halal-12m",
    "partner": "steppe-bank",
    "jurisdiction": "RK",
    "currency": "KZT",
    "terms": {
        "name": {"en": "Deposit", "ru": "Вклад", "kk": "Салым"},
        "rate": "0.1200",
        "day_count": "act_365f",
        "term_days": 365,
        "minimum_minor": 100_000,
        "maximum_minor": 100_000_000,
        "step_minor": 100,
        "insurance": "savings",
        "early_exit": {"notice_days": 30, "rate": "0.0010"},
    },
}
STEPPE = ("partner", "enrol", "steppe-bank", "--name", "Steppe Bank", "--kind", "bank")
KEY = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="


def run(monkeypatch: pytest.MonkeyPatch, settings: Settings, *words: str, **more: str) -> int:
    """Run the command in this process, in production where nothing else is said."""
    for name, value in environment(settings, **{"ERESIDENCY_ENVIRONMENT": "production", **more}).items():
        monkeypatch.setenv(name, value)
    with as_before():
        return cli.run(words)


def test_a_bank_is_enrolled_and_its_product_published_in_production(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dearer = SAVINGS | {"terms": SAVINGS["terms"] | {"rate": "0.1100"}}
    versions = [SAVINGS, SAVINGS, dearer, dearer | {"withdrawn": True}]
    files = [tmp_path / f"{number}.json" for number in range(len(versions))]
    for file, version in zip(files, versions, strict=True):
        file.write_text(json.dumps(version))
    addresses = ("--base-url", "https://bank.example/house", "--events-url", "https://bank.example/events")

    codes = [
        run(monkeypatch, settings, *STEPPE, "--key", KEY, *addresses),
        run(monkeypatch, settings, *STEPPE, "--key", KEY, *addresses),
        *(run(monkeypatch, settings, "product", "publish", str(file)) for file in files),
    ]

    [bank, again, *published] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert codes == [0] * 6
    assert bank == again
    assert [each["version"] for each in published] == [1, 1, 2, 3]
    assert len({each["product"] for each in published}) == 1
    with psycopg.connect(postgres.libpq(settings.database_url)) as db:
        [partner] = db.execute("SELECT id::text, kind, base_url FROM app.partner WHERE code = 'steppe-bank'").fetchall()
        keys = db.execute("SELECT count(*) FROM app.client_key WHERE subject = %s", [bank["partner"]]).fetchone()
        told_at = db.execute("SELECT url FROM app.subscription WHERE partner = %s", [bank["partner"]]).fetchall()
    assert partner == (bank["partner"], "bank", "https://bank.example/house")
    assert keys == (1,)
    assert told_at == [("https://bank.example/events",)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("--key", "hunter2"), "the key is neither whpk_"),
        (("--key", KEY, "--base-url", "http://bank.example"), "nothing may be sent to this address: scheme"),
        (("--key", KEY, "--events-url", "https://bank.example:8443/"), "nothing may be sent to this address: port"),
    ],
)
def test_a_partner_that_could_not_be_believed_or_told_is_not_enrolled(
    settings: Settings,
    changed: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run(monkeypatch, settings, "partner", "enrol", "no-bank", "--name", "No", "--kind", "bank", *changed)

    assert code == 2
    assert said in capsys.readouterr().err
    with psycopg.connect(postgres.libpq(settings.database_url)) as db:
        assert db.execute("SELECT 1 FROM app.partner WHERE code = 'no-bank'").fetchone() is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "No such file"),
        ("{", "truncated"),
        (json.dumps(SAVINGS | {"surprise": 1}), "unknown field `surprise`"),
        (json.dumps(SAVINGS | {"partner": "nobody"}), "there is no partner nobody"),
        (
            json.dumps(SAVINGS | {"code": "odd", "terms": SAVINGS["terms"] | {"term_days": 0}}),
            "the terms contradict themselves: a term runs forward",
        ),
    ],
)
def test_a_product_that_cannot_be_offered_is_not_published(
    settings: Settings,
    written: str | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(monkeypatch, settings, *STEPPE, "--key", KEY)
    file = tmp_path / "product.json"
    if written is not None:
        file.write_text(written)

    try:
        code: object = run(monkeypatch, settings, "product", "publish", str(file))
    except SystemExit as refused:
        code = refused.code

    assert code == 2
    assert said in capsys.readouterr().err


def test_make_serve_calls_itself_what_it_listens_on_and_tells_a_shell(
    settings: Settings, tmp_path: Path, free_port: int
) -> None:
    told_by_us = environment(settings) | {"PYTHONPATH": str(Path(cli.__file__).parents[1])}
    command = [sys.executable, "-m", "app.alone", "serve", "--port", str(free_port)]
    with subprocess.Popen(command, env=told_by_us, cwd=tmp_path) as api:
        try:
            _await_ready(f"http://127.0.0.1:{free_port}")
            shell = ["sh", "-c", '. .data/alone/environment && exec "$0" -m app.cli token mint --role service']
            bare = {"PATH": os.environ["PATH"], "PYTHONPATH": told_by_us["PYTHONPATH"]}
            minted = subprocess.run(
                [*shell, sys.executable], env=bare, cwd=tmp_path, capture_output=True, text=True, check=False
            )
            [token] = told(minted)
            seen = httpx.get(
                f"http://127.0.0.1:{free_port}/v1/sandbox/clock", headers=bearer(token["access_token"]), trust_env=False
            )
        finally:
            api.terminate()

    assert seen.status_code == 200
    issuer = json.loads(jose.split(token["access_token"]).payload)["iss"]
    assert issuer == f"http://127.0.0.1:{free_port}"


def test_the_api_serves_and_finishes_what_it_took_in_when_told_to_stop(
    settings: Settings, free_port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    issuer = f"http://127.0.0.1:{free_port}"
    told_us = {"ERESIDENCY_ENVIRONMENT": "test", "ERESIDENCY_ISSUER": issuer}
    assert run(monkeypatch, settings, "seed", "2", "--start", "710", **told_us) == 0
    resident, other = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(free_port)]
    with subprocess.Popen(command, env=environment(settings, ERESIDENCY_ISSUER=issuer)) as api:
        _await_ready(issuer)
        answers: list[int | str] = []

        def keep_sending() -> None:
            body = {"to": ids.show("wallet", UUID(other["wallet"])), "amount": {"amount_minor": 1}}
            with httpx.Client(base_url=issuer, trust_env=False) as client:
                for number in range(10_000):
                    headers = bearer(resident["access_token"], idempotency_key=f"drain-{number}")
                    try:
                        answers.append(client.post("/v1/transfers", json=body, headers=headers).status_code)
                    except httpx.ConnectError:
                        return
                    except httpx.TransportError as error:
                        answers.append(type(error).__name__)
                        return

        sender = threading.Thread(target=keep_sending)
        sender.start()
        while len(answers) < 20:
            assert api.poll() is None
        api.send_signal(signal.SIGTERM)
        api.wait(timeout=STOP_WITHIN_S)  # it has 25 s to drain
        sender.join()

    assert {answer for answer in answers if isinstance(answer, int)} == {201}


def _await_ready(issuer: str) -> None:
    until = time.monotonic() + START_WITHIN_S
    with httpx.Client(base_url=issuer, trust_env=False) as client:
        while time.monotonic() < until:
            try:
                if client.get("/health/ready").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)  # as simulators/house.py: whoever asks without a pause slows down the start
    raise AssertionError("the API did not start")


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.run(["--help"])
    said = capsys.readouterr().out

    for command in (
        "serve",
        "worker",
        "db",
        "seed",
        "token",
        "officer",
        "client",
        "partner",
        "product",
        "openapi",
        "verify",
    ):
        assert command in said
