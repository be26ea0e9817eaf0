"""The command, as somebody types it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.http import ids
from app.settings import Settings
from tests.app.people import bearer


def environment(settings: Settings, **more: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ERESIDENCY_")},
        "ERESIDENCY_ENVIRONMENT": str(settings.environment),
        "ERESIDENCY_DATABASE_URL": settings.database_url,
        "ERESIDENCY_ROLE_PASSWORD": settings.role_password or "",
        "ERESIDENCY_KEYS": str(settings.keys),
        **more,
    }


def eresidency(settings: Settings, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", *words]
    return subprocess.run(command, env=environment(settings, **more), capture_output=True, text=True, check=False)


def told(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_residents_are_seeded_by_number_and_the_books_are_sound(settings: Settings) -> None:
    first = told(eresidency(settings, "seed", "2", "--start", "700"))
    again = told(eresidency(settings, "seed", "2", "--start", "700"))
    ledger, audit = (told(eresidency(settings, "verify", what))[0] for what in ("ledger", "audit"))

    assert [each["number"] for each in first] == [700, 701]
    assert [(each["subject"], each["wallet"]) for each in first] == [
        (each["subject"], each["wallet"]) for each in again
    ]
    assert (ledger["findings"], audit["findings"]) == ([], [])


def test_nothing_is_minted_in_production(settings: Settings) -> None:
    refused = eresidency(settings, "token", "mint", "--role", "officer", ERESIDENCY_ENVIRONMENT="production")

    assert refused.returncode != 0
    assert "eyJ" not in refused.stdout


def test_the_api_serves_and_finishes_what_it_took_in_when_told_to_stop(settings: Settings, free_port: int) -> None:
    issuer = f"http://127.0.0.1:{free_port}"
    [resident, other] = told(eresidency(settings, "seed", "2", "--start", "710", ERESIDENCY_ISSUER=issuer))
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
        api.wait(timeout=25)  # the time it has to drain
        sender.join()

    assert {answer for answer in answers if isinstance(answer, int)} == {201}


def _await_ready(issuer: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if httpx.get(f"{issuer}/health/ready", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            continue
    raise AssertionError("the API did not start")


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_help_names_every_command() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "app.cli", "--help"], capture_output=True, text=True, check=False
    ).stdout

    for command in ("serve", "worker", "db", "seed", "token", "openapi", "verify"):
        assert command in said
