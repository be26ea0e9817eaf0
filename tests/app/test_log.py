"""Logs hold what is on the list and nothing else, whatever is handed to them."""

import ast
import json
import logging
import os
import signal
from pathlib import Path

import httpx
import pytest
import structlog

from app import log, main
from app.settings import BadSetting, Settings, load


@pytest.fixture
def configured() -> object:
    handlers, level, said = logging.root.handlers[:], logging.root.level, structlog.get_config()
    before = signal.getsignal(signal.SIGUSR1)
    log.configure()
    yield
    signal.signal(signal.SIGUSR1, before)
    structlog.configure(**said)
    logging.basicConfig(handlers=handlers, level=level, force=True)


@pytest.mark.usefixtures("configured")
def test_a_field_nobody_listed_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("request", status=200, pan="9398000000000019", name="ERIKA", token="eyJ")

    written = json.loads(capsys.readouterr().out)
    assert written["status"] == 200
    assert not {"pan", "name", "token"} & set(written)
    assert set(written) <= log.FIELDS


@pytest.mark.usefixtures("configured")
@pytest.mark.asyncio
async def test_a_request_is_logged_by_its_route_and_never_by_its_values(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    await client.get(
        "/problems/not_found?secret=canary-query",
        headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "authorization": "DPoP canary-token"},
    )

    out = capsys.readouterr().out
    [line] = [json.loads(line) for line in out.splitlines() if '"event": "request"' in line]
    assert (line["route"], line["status"], line["trace_id"]) == ("/problems/{code}", 200, trace)
    assert "canary" not in out


@pytest.mark.usefixtures("configured")
def test_an_exception_is_told_by_its_kind_and_place_and_never_by_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    def refuses() -> None:
        raise ValueError("Failing row contains (ERIKA MUSTERMANN)")

    try:
        refuses()
    except ValueError as error:
        structlog.get_logger().error("unexpected", exc_info=error)
    logging.getLogger("uvicorn.error").error("Exception in %s", "ERIKA", exc_info=False)

    mine, theirs = capsys.readouterr().out.splitlines()
    assert "ValueError at" in mine
    assert "refuses" in mine
    assert (json.loads(theirs)["source"], json.loads(theirs)["why"]) == ("uvicorn.error", "Exception in %s")
    assert "ERIKA" not in mine + theirs


@pytest.mark.usefixtures("configured")
def test_a_librarys_message_that_was_put_together_before_is_told_by_its_place(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "ERIKA"
    logging.getLogger("asyncio").error(f"exception=ValueError({name!r})")  # noqa: G004  as asyncio does
    logging.getLogger("asyncio").error("Fatal error on %s", name)

    put_together, template = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert put_together["why"].startswith("test_log:")
    assert template["why"] == "Fatal error on %s"
    assert "ERIKA" not in str([put_together, template])


@pytest.mark.usefixtures("configured")
def test_the_framework_brings_no_log_of_its_own(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    main.build(settings)
    logging.getLogger("uvicorn.error").warning("Invalid %s", "ERIKA")
    logging.getLogger("httpx").info("HTTP Request: %s", "ERIKA")

    out, err = capfd.readouterr()
    assert [json.loads(line)["why"] for line in out.splitlines()] == ["Invalid %s"]
    assert "ERIKA" not in out + err


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    "value",
    ['a\r\n{"event": "forged"}', "\x1b[2J\x1b]0;title\x07", "\x9b31m", "\u2028\u2029\x85", "\u202e\u2066", "\x00\x7f"],
)
def test_no_value_ends_a_line_or_speaks_to_a_terminal(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("request", route=value)

    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.strip().isascii()
    assert all(" " <= char <= "~" for char in out.strip())
    assert json.loads(out)["route"] == value


@pytest.mark.usefixtures("configured")
def test_how_much_is_said_changes_while_the_process_runs(capsys: pytest.CaptureFixture[str]) -> None:
    log.heed_signals()
    mine, theirs = structlog.get_logger(), logging.getLogger("httpcore.connection")

    def said() -> list[str]:
        mine.debug("closely", why="mine")
        theirs.debug("closely %s", "x")
        return [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]

    usual = said()
    os.kill(os.getpid(), signal.SIGUSR1)
    closer = said()
    os.kill(os.getpid(), signal.SIGUSR1)
    again = said()

    assert (usual, closer, again) == ([], ["log_level", "closely", "library"], ["log_level"])


@pytest.mark.usefixtures("configured")
@pytest.mark.asyncio
async def test_nothing_a_caller_sends_is_in_the_log(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = "canary-4000000000000002"
    headers = dict.fromkeys(("authorization", "dpop", "cookie", "user-agent", "referer", "idempotency-key"), canary)
    forwarded = {"x-forwarded-for": canary, "forwarded": canary, "accept-language": canary, "traceparent": canary}
    for method, path in [
        ("GET", f"/v1/cards/{canary}"),
        ("POST", "/v1/transfers"),
        ("BREW", "/v1/me"),
        ("GET", canary),
    ]:
        await client.request(method, path, params={"q": canary}, json={"note": canary}, headers=headers | forwarded)

    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines() if '"request"' in line]
    assert [line["status"] for line in lines] == [401, 401, 405, 404]
    assert canary not in out + err


def test_a_setting_that_is_missing_is_named_and_its_value_is_not() -> None:
    with pytest.raises(BadSetting) as missing:
        load({})
    with pytest.raises(BadSetting) as unreadable:
        load({"ERESIDENCY_DATABASE_URL": "x", "ERESIDENCY_POOL_MAX": "hunter2"})

    assert "database_url" in str(missing.value)
    assert "hunter2" not in str(unreadable.value)


def test_the_list_is_what_the_code_logs() -> None:
    added = {"event", "level", "timestamp", "trace_id", "exception"}  # by the processors
    logged = {
        str(keyword.arg)
        for path in Path(log.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if ast.unparse(node.func.value) in {"_log", "self._log"}
        for keyword in node.keywords
    } - {"exc_info"}

    assert logged | added == log.FIELDS
