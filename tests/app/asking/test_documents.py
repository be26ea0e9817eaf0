"""What outside judges ask on the command line, and what is answered when they ask for nonsense."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import cli
from app.asking import __main__ as asking
from kyc.chip import certificate
from simulators.chip import Chip
from simulators.passport import Passport
from tests.kyc import reference
from tests.kyc.chip.test_masterlist import own_list
from tests.kyc.passports import authority, passport

TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
DAY = ("--at", "2026-11-22")

Told = dict[str, Any]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401  a function
    """Give a function that asks and answers (exit code, the JSON that was printed)."""

    def ask(*words: str) -> tuple[int, Told]:
        code = cli.run(words)
        return code, json.loads(capsys.readouterr().out)

    return ask


def refused(*words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.run(words)
    return str(ended.value.code)


def files(shown: Passport, folder: Path) -> tuple[str, ...]:
    """Write the files of a passport and name them as the command wants them."""
    (folder / "EF.SOD").write_bytes(shown.sod)
    named = ["--sod", str(folder / "EF.SOD")]
    for number, file in shown.files.items():
        (folder / f"EF.DG{number}").write_bytes(file)
        named += ["--dg", f"{number}={folder / f'EF.DG{number}'}"]
    return tuple(named)


@pytest.fixture
def csca(tmp_path: Path) -> str:
    return str(authority().export(tmp_path))


# -- mrz -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [TD3, ("".join(TD3),), ("\n".join(TD3),)], ids=["two", "one", "with a line break"])
def test_a_zone_is_answered(told: Any, lines: tuple[str, ...]) -> None:  # noqa: ANN401  the fixture
    code, answer = told("mrz", *lines, *DAY)

    assert (code, answer["format"], answer["valid"]) == (0, "TD3", True)
    assert answer["says"]["surname"] == "ERIKSSON"
    assert answer["says"]["born"] == {"year": 1974, "month": 8, "day": 12}
    assert {field["field"] for field in answer["fields"] if field["unguarded"]} >= {"name", "nationality", "sex"}


def test_a_zone_that_does_not_read_is_answered_too(told: Any) -> None:  # noqa: ANN401  the fixture
    code, answer = told("mrz", TD3[0], TD3[1].replace("0", "O", 1), *DAY)

    assert (code, answer["valid"], answer["says"]) == (1, False, None)
    assert answer["problems"][0].keys() == {"field", "rule", "line", "start", "end"}
    assert answer["alternatives"][0]["lines"] == list(TD3)


@pytest.mark.parametrize("lines", [("X",), ("",), ("<" * 44, "<" * 44), ("É" * 44, "\x00" * 44), ("A" * 100_000,)])
def test_any_lines_are_answered(told: Any, lines: tuple[str, ...]) -> None:  # noqa: ANN401  the fixture
    assert told("mrz", *lines)[0] == 1


# -- passport --------------------------------------------------------------------------------------------------------


def test_a_passport_is_answered(told: Any, tmp_path: Path, csca: str) -> None:  # noqa: ANN401  the fixture
    code, answer = told("passport", *files(passport(), tmp_path), "--master-list", csca, *DAY)

    assert (code, answer["verdict"], answer["grades"], answer["copying"]) == (0, "valid", [], "not_checked")
    assert answer["says"]["number"] == "L898902C3"
    assert set(answer["words"]) == set(answer["copying_words"]) == {"en", "ru", "kk"}
    assert "copy" in answer["copying_words"]["en"]
    assert all(step.keys() == {"check", "grade", "verdict", "params"} for step in answer["steps"])
    assert [(source["name"], source["believed"]) for source in answer["sources"]] == [(csca, True)]


def test_without_dg1_nothing_is_said_to_be_compared(told: Any, tmp_path: Path, csca: str) -> None:  # noqa: ANN401  the fixture
    shown = files(passport(), tmp_path)
    given = ("--master-list", csca, *DAY)

    alone, whole = told("passport", *shown[:2], *given)[1], told("passport", *shown, *given)[1]

    assert [(answer["verdict"], _verdicts(answer)["chip.issuer_matches"]) for answer in (alone, whole)] == [
        ("valid", "not_applicable"),
        ("valid", "pass"),
    ]
    assert "nothing was compared" in alone["words"]["en"]
    assert "nothing was compared" not in whole["words"]["en"]
    assert set(alone["words"]) == {"en", "ru", "kk"}


def _verdicts(answer: Told) -> dict[str, str]:
    return {step["check"]: step["verdict"] for step in answer["steps"]}


def test_every_other_grade_is_one(told: Any, tmp_path: Path, csca: str) -> None:  # noqa: ANN401  the fixture
    sod = files(passport(), tmp_path)[:2]
    (tmp_path / "broken").write_bytes(b"\x77\x00")

    assert told("passport", *sod, *DAY)[1]["verdict"] == "signed_untrusted_issuer"
    assert told("passport", "--sod", str(tmp_path / "broken"), *DAY)[1]["verdict"] == "malformed"
    code, answer = told("passport", *sod, "--dg", f"1={tmp_path / 'broken'}", "--master-list", csca, *DAY)
    assert (code, answer["verdict"]) == (1, "dg_mismatch")
    assert told("passport", *sod, "--master-list", csca, "--at", "2051-01-01")[1]["verdict"] == "expired_document"


def test_a_list_that_nobody_vouches_for_is_told_and_not_used(told: Any, tmp_path: Path) -> None:  # noqa: ANN401  the fixture
    shown = files(passport(), tmp_path)
    (tmp_path / "a.ml").write_bytes(own_list(authority(), by=authority()))
    given = ("--master-list", str(tmp_path / "a.ml"), *DAY)

    _, answer = told("passport", *shown, *given)
    pinned = told("passport", *shown, *given, "--pin", _key())[1]

    assert answer["verdict"] == "signed_untrusted_issuer"
    assert [(each["believed"], each["why"]) for each in answer["sources"]] == [(False, "publisher not pinned")]
    assert (pinned["verdict"], pinned["authorities"]) == ("valid", 1)


def _key() -> str:
    return certificate.read(authority().certificate).key_sha256


def test_what_an_authority_revoked_is_heard(told: Any, tmp_path: Path, csca: str) -> None:  # noqa: ANN401  the fixture
    (tmp_path / "a.crl").write_bytes(authority().revoke(authority().serial + 1))
    given = ("--master-list", csca, "--crl", str(tmp_path / "a.crl"), *DAY)

    assert told("passport", *files(passport(), tmp_path), *given)[1]["verdict"] == "signed_untrusted_issuer"


def test_the_chips_answer_is_judged(told: Any, tmp_path: Path, csca: str) -> None:  # noqa: ANN401  the fixture
    chip, nonce, bare = Chip.make("p256"), bytes(range(8)), passport()
    groups = {**bare.files, **chip.files}
    shown = files(replace(bare, files=groups, sod=authority().sign(groups)), tmp_path)
    given = ("--master-list", csca, "--nonce", nonce.hex(), *DAY)

    good = told("passport", *shown, *given, "--answer", chip.answer(nonce).hex())
    copied = told("passport", *shown, *given, "--answer", Chip.make("p256").answer(nonce).hex())

    assert (good[0], good[1]["verdict"], good[1]["copying"]) == (0, "valid", "excluded")
    assert (copied[0], copied[1]["verdict"], copied[1]["copying"]) == (1, "bad_signature", "not_excluded")


def test_what_can_not_be_asked_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sod = files(passport(), tmp_path)[:2]
    huge, empty = tmp_path / "huge", tmp_path / "empty"
    empty.touch()
    broken = tmp_path / "\udcff.cer"
    broken.write_bytes(authority().certificate)
    with huge.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    for words in (
        ("passport",),
        ("passport", "--sod", str(tmp_path / "absent")),
        ("passport", "--sod", str(tmp_path)),
        ("passport", "--sod", str(huge)),
        ("passport", "--sod", "a\0b"),
        ("passport", *sod, "--dg", "17=x"),
        ("passport", *sod, "--dg", "1"),
        ("passport", *sod, "--at", "yesterday"),
        ("passport", *sod, "--at", "2026-02-30"),
        ("passport", *sod, "--nonce", "xyz"),
        ("passport", *sod, "--nonce", "00"),
        ("passport", *sod, "--answer", "00"),
        ("passport", *sod, "--dg", f"1={sod[1]}", "--dg", f"1={sod[1]}"),
        ("passport", *sod, "--crl", str(empty)),
        ("passport", *sod, "--master-list", str(empty)),
        ("passport", *sod, "--master-list", sod[1]),
        ("passport", *sod, "--pin", "00"),
        ("mrz",),
        ("mrz", *TD3, "--at", "22.11.2026"),
        ("mrz", "\udcff" * 44, TD3[1]),  # bytes that are no text, as Python hands them over
        ("passport", *sod, "--master-list", str(broken)),
    ):
        assert refused(*words) == "2", words
        assert "Traceback" not in capsys.readouterr().err


def test_published_lists_are_read_by_what_they_hold(told: Any) -> None:  # noqa: ANN401  the fixture
    emrtd = reference.folder() / "emrtd"
    given = [word for path in sorted(emrtd.glob("*.ml")) for word in ("--master-list", str(path))]
    zkr = emrtd / "zkr"
    sod = ("passport", "--sod", str(zkr / "johnny-silverhand-rsa-4096-sha512.sod"))

    _, unknown = told(*sod, *given, *DAY)
    _, known = told(*sod, "--master-list", str(zkr / "zkr-csca-rsa-2048-sha256.pem"), *DAY)

    assert (unknown["verdict"], unknown["authorities"]) == ("signed_untrusted_issuer", 627)
    assert [source["age_days"] for source in unknown["sources"]] == [178, 121]
    assert known["verdict"] == "valid"


def test_it_asks_no_settings_and_no_database() -> None:
    """In a process that knows nothing of an installation, and without the rest of the application."""
    asked = subprocess.run(
        [sys.executable, "-m", "app.asking", "mrz", *TD3, *DAY],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "ERESIDENCY_ENVIRONMENT": "nonsense"},
        check=False,
    )

    assert (asked.returncode, json.loads(asked.stdout)["valid"], asked.stderr) == (0, True, "")
    assert asking.main(["mrz", "X"]) == 1
