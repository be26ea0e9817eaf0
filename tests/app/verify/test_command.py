"""The command, as an auditor types it: with an address, a key and the second place, without the application."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
import uvicorn

from app.verify import command, places
from simulators import notary
from tests.app.verify.past import Past


@pytest.fixture
def key(past: Past, tmp_path: Path) -> str:
    """Give the file of the public key."""
    file = tmp_path / "audit.jwk.json"
    file.write_text(json.dumps({"keys": [{"kty": "EC", "crv": "P-256"}, past.audit_key]}))
    return str(file)


@pytest.fixture
def kept(past: Past, tmp_path: Path) -> Path:
    """Give a copy of the second place to tamper with."""
    return shutil.copytree(past.kept, tmp_path / "kept")


@pytest.mark.parametrize("check", ["audit", "ledger"])
def test_a_sound_database_is_told_as_one_line_and_zero(
    past: Past, key: str, check: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = command.main([check, "--database", past.database, "--key", key, "--anchors", str(past.kept)])

    told = json.loads(capsys.readouterr().out)
    assert (code, told["findings"]) == (0, [])
    assert (told["looked_at"]["anchors"], told["looked_at"]["anchors_elsewhere"]) == (4, 4)
    assert told["seconds"] > 0


@pytest.mark.parametrize("check", ["audit", "ledger"])
@pytest.mark.parametrize(
    ("number", "content", "table", "kind"),
    [
        (3, None, "second place", "missing"),
        (3, "not.an.anchor", "second place", "signature"),
        (5, "copy of 4", "second place", "reordered"),
    ],
)
def test_a_second_place_that_differs_is_told_and_one(
    past: Past,
    key: str,
    kept: Path,
    check: str,
    number: int,
    content: str | None,
    table: str,
    kind: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = kept / "000000" / f"{number:09d}.jws"
    file.unlink(missing_ok=True)
    if content is not None:
        file.write_text((kept / "000000" / "000000004.jws").read_text() if content == "copy of 4" else content)
    words = [check, "--database", past.database, "--key", key, "--anchors", str(kept)]

    code = command.main(words)
    told = json.loads(capsys.readouterr().out)
    until = command.main([*words, "--until", "2"])

    assert code == 1
    assert (table, str(number), kind) in {(one["table"], one["row"], one["kind"]) for one in told["findings"]}
    assert until == 0, "an older dump is compared with what was kept by then"


def test_what_can_not_be_read_is_said_and_two(
    past: Past, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/none"

    codes = [
        command.main(["audit", "--database", past.database]),
        command.main(["audit", "--key", key]),
        command.main(["audit", "--database", past.database, "--key", key, "--anchors", str(tmp_path / "nowhere")]),
        command.main(["audit", "--database", past.database, "--key", key, "--anchors", "http://127.0.0.1:1"]),
        command.main(["ledger", "--database", nowhere, "--key", key]),
    ]

    said = capsys.readouterr()
    assert codes == [2] * 5
    assert said.out == ""
    assert len(said.err.splitlines()) == 5


@pytest.mark.asyncio
async def test_a_notary_is_read_over_http_page_by_page(
    past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = notary.build(tmp_path)
    for jws in places.read(str(past.kept)).values():
        office.state.notary.keep(jws)
    monkeypatch.setattr(notary, "_PAGE", 3)
    server = uvicorn.Server(uvicorn.Config(office, port=0, log_config=None, lifespan="off"))
    listening = server.config.bind_socket()
    listening.listen()
    serving = asyncio.create_task(server.serve(sockets=[listening]))

    try:
        port = listening.getsockname()[1]
        found = await asyncio.to_thread(places.read, f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        await serving

    assert found == places.read(str(past.kept))
