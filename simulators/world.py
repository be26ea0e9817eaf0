"""The whole installation of a demonstration: which processes there are, what each is told, who believes whom."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import httpx

from simulators.house import DidNotStart, House, Program
from simulators.passport import Authority

PROGRAMS = {
    "agencies": Program("simulators.agencies"),
    "messages": Program("simulators.messages"),
    "platforms": Program("simulators.platforms", ("--folder", "{folder}/platforms")),
    "api": Program("app.cli", ("serve",)),
    "worker": Program("app.cli", ("worker",), listens=False),
    "bank": Program("simulators.bank", ("--api-url", "{api}", "--folder", "{folder}/bank"), ready="/health"),
    "link": Program("app.cli", ("link",), lines=("domestic", "international")),
    "card_network": Program(
        "simulators.card_network",
        ("--line", "{domestic}", "--issuer", "{api}", "--folder", "{folder}/card_network"),
    ),
    # Its disputes are accepted, and merchants say nothing for as long as a demonstration lasts.
    "chargebacks": Program(
        "simulators.chargebacks",
        ("--issuer", "{api}", "--keys", "{folder}/card_network", "--course", '{"represents": 0}'),
    ),
    "verifier": Program("simulators.verifier", ("--issuer", "{api}")),
    "scanner": Program("simulators.scanner", ("--line", "{scanning}"), listens=False, lines=("scanning",)),
    "faces": Program("simulators.faces"),
    "exposure": Program("simulators.exposure"),
    "notary": Program("simulators.notary", ("--folder", "{folder}/notary"), ready="/key"),
}
#: The code of the bank that issues the e-money.
BANK = "demo-bank"
#: In which a line answers; a second less than its network waits (simulators/iso8583.py).
_DEADLINE_MS = 4_000
#: What needs the database.
INSIDE = ("api", "worker", "link")
#: Signs the passports of the demonstration; the installation trusts its certificate and no other.
PASSPORTS = Authority.seeded(1242)


@contextlib.contextmanager
def running(folder: Path, *, database_url: str | None = None) -> Iterator[House]:
    """Open the installation in `folder` with everything started, and stop everything at the end.

    `database_url` names a database on a server of somebody else, by default that of DATABASE_URL.
    """
    with House(folder, PROGRAMS, database_url=database_url) as house:
        PASSPORTS.export(house.folder / "csca")
        house.settings |= settings(house)
        outside = [name for name in PROGRAMS if name not in INSIDE]
        house.spawn(*outside)
        house.start_database()
        house.start(*INSIDE)
        house.await_ready(*outside)
        enrol(house)
        yield house


def settings(house: House) -> dict[str, str]:
    """Tell the programs where they and the outside world are."""
    api = house.url("api")
    return {
        "ERESIDENCY_ISSUER": api,
        # Passkeys belong to a name, not to an address.
        "ERESIDENCY_ORIGINS": api.replace("127.0.0.1", "localhost"),
        "ERESIDENCY_CSCA_FOLDER": str(house.folder / "csca"),
        "ERESIDENCY_AGENCIES_URL": house.url("agencies"),
        "ERESIDENCY_OFAC_URL": house.url("agencies") + "/lists/ofac",
        "ERESIDENCY_UN_URL": house.url("agencies") + "/lists/un",
        "ERESIDENCY_EXPOSURE_URL": house.url("exposure"),
        "ERESIDENCY_ANCHOR_NOTARY": house.url("notary"),
        "ERESIDENCY_MESSAGES_URL": house.url("messages"),
        "ERESIDENCY_INTEGRITY_URL": house.url("platforms"),
        "ERESIDENCY_SCANNER": house.url("scanning").replace("http://", "tcp://"),
        "ERESIDENCY_FACES_URL": house.url("faces"),
        "ERESIDENCY_APP_ATTEST_ROOT": str(house.folder / "platforms" / "apple-root.pem"),
        "ERESIDENCY_CARD_LINES": json.dumps(_lines(house)),
        "ERESIDENCY_LINK_FOLDER": str(house.folder / "link"),
    }


def _lines(house: House) -> list[dict[str, object]]:
    """Describe both lines: the networks of the country and of the world, each with a day of its own.

    The books have nearly all the time the networks give: who shares a machine with all others is slow, not away.
    """
    domestic, international = (int(house.url(name).rpartition(":")[2]) for name in ("domestic", "international"))
    return [
        {"network": "mspk", "scope": "domestic", "port": domestic, "deadline_ms": _DEADLINE_MS},
        {
            "network": "worldwide",
            "scope": "international",
            "port": international,
            "deadline_ms": _DEADLINE_MS,
            "cut_off": "00:00",
            "zone": "UTC",
            "working": False,
        },
    ]


def enrol(house: House) -> None:
    """Make the bank and the card network partners of the installation, by the keys they sign with."""
    bank, network = house.url("bank"), house.url("card_network")
    partners = {
        BANK: {
            "name": "Demo Bank",
            "kind": "bank",
            "key": _get(f"{bank}/public-key"),
            "base_url": bank,
            "events_url": f"{bank}/events",
        },
        "mspk": {
            "name": "Demo card network",
            "kind": "network",
            "key": _get(f"{network}/key"),
            "base_url": house.url("chargebacks"),
        },
    }
    for code, wanted in partners.items():
        answer = httpx.put(
            f"{house.url('api')}/v1/sandbox/partners/{code}",
            json=wanted,
            headers={"Authorization": f"Bearer {house.token('service', 'operator')}"},
            timeout=30,
            trust_env=False,
        )
        if answer.is_error:
            raise DidNotStart(f"partner {code}", answer.text)


def _get(url: str) -> str:
    return str(httpx.get(url, timeout=30, trust_env=False).json()["key"])
