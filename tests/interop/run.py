"""`make interop`: other people's wallets and readers against a real server of ours, on this machine alone.

    python -m tests.interop.run [issuing …]     the files *.test.js of this folder, or some of them

Starts an installation with an e-resident in it (passkey, chip, two officers) and an applicant, and tells Node where it
all is. What is tested is told by the tests: one line for each step, Node's own summary at the end.
"""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from simulators import world
from simulators.house import House
from simulators.journey import Journey
from simulators.passkey import Json, origin_of
from simulators.patience import until
from tests import postgres

HERE = Path(__file__).parent
#: What the processes said lies here when something failed.
LOGS = Path("build/interop")
#: Whom an e-resident meets on the way to a credential.
PROGRAMS = {
    name: world.PROGRAMS[name]
    for name in ("agencies", "messages", "platforms", "scanner", "faces", "exposure", "notary", "api", "worker")
}
#: A wallet that the operator registered for the code flow.
WALLET = {"id": "wallet.interop", "redirect_uri": "https://wallet.example/callback"}


@contextlib.contextmanager
def running() -> Iterator[House]:
    """Open an installation of its own, on the server that the tests share."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(postgres.serving())
        database = stack.enter_context(postgres.copied(server, postgres.template(server)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="interop-")))
        house = stack.enter_context(House(folder, PROGRAMS, database_url=database))
        world.PASSPORTS.export(folder / "csca")
        house.settings |= world.settings(house)
        house.settings["ERESIDENCY_ROLE_PASSWORD"] = postgres.role_password(database)
        house.start_database()
        house.start(*PROGRAMS)
        # What strangers pin are two roots, one after the other: documents stand under the second, all else the first.
        for role in ("root", "document"):
            house.run("app.cli", "signer", "rotate", role, "--at-once")
        house.run("app.cli", "wallet", "add", "--id", WALLET["id"], "--name", "A wallet of somebody else",
                  "--redirect-uri", WALLET["redirect_uri"])  # fmt: skip
        yield house


async def lived(house: House) -> Json:
    """Make an e-resident by way of the app; gives what their phone signs with."""
    async with Journey(house) as resident:
        for step in (Journey.register, Journey.scan_passport, Journey.become_e_resident):
            await step(resident)
        await until(lambda: resident.phone.get("/.well-known/eresidency-roots"), lambda seen: len(seen["roots"]) > 1)
        passkey = resident.phone.passkey
        assert passkey is not None, "registered above"
        return {"passkey": passkey.save(), "origin": origin_of(house.url("api"), passkey.rp_id)}


async def applied(house: House) -> Json:
    """Make somebody who has asked to be an e-resident, and is still to be decided about."""
    async with Journey(house) as resident:
        for step in (Journey.register, Journey.scan_passport):
            await step(resident)
        phone = resident.phone
        begun = await phone.post("/v1/applications", {"service": "eresidency.assign"})
        case = f"/v1/applications/{begun['id']}"
        version = {"If-Match": (await phone.call("GET", case)).headers["etag"]}
        answers = {"purpose": "investment", "data_consent": True, "rules_accepted": True}
        await phone.call("PUT", f"{case}/answers", body={"answers": answers}, headers=version)
        await phone.post(f"{case}/submit")
        await until(lambda: phone.get(case), lambda seen: seen["state"] == "in_review")
        return {"subject": (await phone.get("/v1/me"))["id"], "application": begun["id"]}


def told(house: House) -> Json:
    """Say where everything is."""
    return {
        "issuer": house.url("api"),
        "service": house.token("service", "operator"),
        "officers": [house.token("officer", name) for name in ("A. Serik", "B. Aliya")],
        "wallet": WALLET,
        "resident": asyncio.run(lived(house)),
        "applicant": asyncio.run(applied(house)),
    }


def main(names: list[str]) -> int:
    """Be the program."""
    files = sorted(map(str, HERE.glob("*.test.js"))) if not names else [str(HERE / f"{name}.test.js") for name in names]
    with running() as house:
        environ = os.environ | {"INTEROP": json.dumps(told(house))}
        node = ["node", "--test", "--test-reporter=spec", "--test-concurrency=2", *files]
        code = subprocess.run(node, env=environ, check=False).returncode
        if code != 0:
            shutil.copytree(house.folder / "log", LOGS, dirs_exist_ok=True)
        return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
