"""What a document says of somebody whose chip was read: everything that is known, and nothing that is not."""

import base64
from typing import Any

import httpx
import pytest
from litestar import Litestar

from app import vault
from app.credentials import chip_files
from app.db import transaction
from app.house import House
from app.seed import Seeded
from kyc.identify import Reading
from kyc.papers import portrait
from residency.credential import dataset, jws
from residency.credential.configuration import DOC_TYPES
from residency.credential.dataset import Kind
from simulators.details import details
from simulators.passkey import DeviceKey
from simulators.portrait import face, grey_jpeg
from simulators.wallet_app import WalletApp
from tests.app.people import bearer, keyed
from tests.credential import test_mdoc_issued as mdocs
from tests.credential.people import another_wallet, offered, renewed, resident, shows
from tests.kyc import scans
from tests.kyc.passports import authority, passport

pytestmark = pytest.mark.asyncio

OWN = details(surname="НОВАК", given="ТОМАШ", birth_place="БРНО<CZE")
IIN = "900101300017"


async def named(client: httpx.AsyncClient, who: Seeded, value: str) -> httpx.Response:
    body = {"scheme": "iin", "country": "KZ", "value": value}
    return await client.post("/v1/identity/identifiers", json=body, headers=keyed(who.access_token))


async def data(client: httpx.AsyncClient, who: Seeded) -> tuple[dict[str, Any], dict[str, str]]:
    answer = await client.get("/v1/me/credential-data", headers=bearer(who.access_token))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return (
        {each["name"]: each["says"] for each in told["claims"]},
        {each["name"]: each["why"] for each in told["left_out"]},
    )


async def test_everything_the_chip_and_the_person_said_is_in_both_formats(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    who = await resident(app, woman=True)
    await shows(app, who, renewed(who, files={11: OWN}))
    assert (await named(client, who, IIN)).status_code == 201

    [held] = await wallet.accept(await offered(client, who))
    sd_jwt = {path: jws.read_json(jws.unb64(text))[2] for path, text in held.disclosures.items()}
    async with another_wallet(app) as other:
        [copy] = await mdocs.fetched(client, other, who.access_token, [DeviceKey()])
    mdoc = mdocs.verified(copy, await mdocs.pinned(client)).elements[DOC_TYPES[Kind.E_RESIDENT]]

    expected = {
        "family_name_national_character": "НОВАК",
        "given_name_national_character": "ТОМАШ",
        "place_of_birth": {"country": "CZ", "locality": "БРНО"},
        "personal_administrative_number": IIN,
        "residency_status": "e_resident",
    }
    assert {name: sd_jwt[name,] for name in expected} == expected == {name: mdoc[name] for name in expected}
    assert base64.b64decode(sd_jwt["picture",].removeprefix("data:image/jpeg;base64,")) == grey_jpeg()
    assert mdoc["portrait"] == grey_jpeg()
    assert sd_jwt["age_equal_or_over", "25"] is mdoc["age_over_25"] is True
    names = {claim.path for claim in dataset.CLAIMS if not claim.always_shown} | {("residency_status",)}
    assert names - sd_jwt.keys() == {("date_of_expiry",)}, "the decree gives the status no term"
    assert len(mdoc) == len(sd_jwt) + 2


#: It begins as JPEG 2000 does, and nothing follows that anybody could draw.
_JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(20)


async def test_a_portrait_that_nobody_can_draw_is_told_and_left_out(app: Litestar, client: httpx.AsyncClient) -> None:
    who, picture = await resident(app, woman=True), face(_JP2, jpeg2000=True)
    assert portrait.read(picture).image
    await shows(app, who, renewed(who, files={2: picture}, until=2041))

    claims, left_out = await data(client, who)

    assert left_out["picture"] == "unreadable"
    assert "picture" not in claims


async def test_a_file_that_the_state_did_not_sign_says_nothing() -> None:
    genuine = passport(files={11: OWN})
    swapped = OWN.replace("НОВАК".encode(), "КАВОН".encode())

    found = [
        chip_files.signed(Reading(genuine.mrz, genuine.sod, {**genuine.files, **files}))
        for files in ({}, {11: swapped}, {2: face(_JP2, jpeg2000=True)})
    ]

    assert [set(each) for each in found] == [{2, 11}, {2}, {11}]


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_chip_counts_where_a_state_we_trust_signed_it(house: House, trusted: bool) -> None:
    by = None if trusted else authority(state="XXB", country="XB")
    holder = scans.somebody()
    _, document, _ = await scans.show(house, scans.novel(by=by, files={11: OWN}), by=holder, kms=house.keys.kms)

    async with transaction(house.api, holder=holder, audience="resident") as story:
        db = await story()
        found = await chip_files.of_document(db, await vault.existing(db, house.keys.kms, holder), document)

    assert (found.personal.surname, found.portrait is not None) == (("НОВАК", True) if trusted else (None, False))


async def test_what_is_not_known_contested_or_over_is_told_with_its_reason_and_in_no_copy(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    first, second = await resident(app), await resident(app)
    number, name = "900101300027", "personal_administrative_number"
    made = [await named(client, who, number) for who in (first, second)]
    assert [each.status_code for each in made] == [201, 201], "nobody learns that somebody else was there before"

    claims, left_out = await data(client, second)
    assert left_out == {
        "family_name_national_character": "not_on_chip",
        "given_name_national_character": "not_on_chip",
        "place_of_birth": "not_on_chip",
        "picture": "not_on_chip",
        name: "not_named",
        "date_of_expiry": "no_end",
    }
    assert not claims.keys() & left_out.keys()
    assert all(value not in ("", None, [], {}) for value in claims.values())

    assert (await data(client, first))[0][name] == number
    await client.post(f"/v1/identity/identifiers/{made[0].json()['id']}/end", headers=keyed(first.access_token))
    assert (await data(client, first))[1][name] == "not_named"
