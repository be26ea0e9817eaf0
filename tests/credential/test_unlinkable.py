"""Two copies share nothing by which two verifiers would know that one person stood before both; and we keep nothing."""

import base64
import itertools
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID, uuid4

import cbor2
import httpx
import pytest
from litestar import Litestar
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import transaction
from proof.signer import FileSigner
from residency.credential import disclosure, issuing, jws
from residency.credential.configuration import CONFIGURATIONS
from residency.credential.dataset import Place, Resident
from residency.credential.entries import Entry
from residency.credential.tables import issuance
from simulators.passkey import DeviceKey
from simulators.wallet_app import WalletApp
from tests.credential import made
from tests.credential import test_mdoc_issued as mdocs
from tests.credential.people import another_wallet, offered, resident

WHOLE = made.resident(
    national_family_name="Мустерманн",
    national_given_name="Эрика",
    birth_place=Place("DE", None, "Berlin"),
    portrait=b"\xff\xd8\xff" + bytes(3_000),
    iin="900314000000",
)
BARE = made.resident(birthdate="XXXX-XX-XX", nationalities=(), expires_on=None)
_COPIES = 8


def issued(who: Resident, configuration: str) -> list[str]:
    keys = [made.cnf(FileSigner(made.key())) for _ in range(_COPIES)]
    places = [Entry(made.LIST, 1_000 + each) for each in range(_COPIES)]
    asked = CONFIGURATIONS[configuration]
    return issuing.sign(who, asked, keys, places, issuer=made.authority().issuer, at=made.AT)


def leaves(tree: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:  # noqa: ANN401  JSON or CBOR
    """Go through everything a verifier sees of a copy, digests and their places included."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from leaves(value, (*path, name))
    elif isinstance(tree, list):
        for place, value in enumerate(tree):
            yield from leaves(value, (*path, place))
    elif isinstance(tree, cbor2.CBORTag):
        yield from leaves(cbor2.loads(tree.value) if tree.tag == 24 else tree.value, path)
    else:
        yield path, tree


def sd_jwt_of(copy: str) -> dict[tuple[str | int, ...], Any]:
    """Read what is signed, and what was disclosed with it, in its order."""
    signed, *disclosures, _ = copy.split("~")
    head, body, signature = signed.split(".")
    opened = [jws.read_json(jws.unb64(each)) for each in disclosures]
    told = {"header": jws.read_json(jws.unb64(head)), "payload": jws.read_json(jws.unb64(body)), "signature": signature}
    return dict(leaves(told | {"salts": [each[0] for each in opened]}))


def mdoc_of(copy: str) -> dict[tuple[str | int, ...], Any]:
    """Read what is signed, and the salt and the id of each element, in its order."""
    parts = cbor2.loads(jws.unb64(copy))
    [items] = parts["nameSpaces"].values()
    opened = [cbor2.loads(each.value) for each in items]
    protected, unprotected, payload, signature = parts["issuerAuth"]
    told = {"protected": protected, "unprotected": dict(unprotected), "signature": signature}
    told["payload"] = cbor2.loads(cbor2.loads(payload).value)
    # The ids of digests are dealt anew: compared as a list, in the order of the elements.
    told["salts"] = [each["random"] for each in opened]
    return dict(leaves(told))


READ = {"e_resident_sd_jwt": sd_jwt_of, "e_resident_mdoc": mdoc_of}
#: What all copies of all people of a day share: the issuer, the type, the list, the days.
SHARED = {
    "e_resident_sd_jwt": {"header", "iss", "vct", "iat", "exp", "uri", "_sd_alg", "crv", "kty"},
    "e_resident_mdoc": {"protected", "unprotected", "version", "digestAlgorithm", "docType", "validityInfo", "uri"},
}


@pytest.mark.parametrize("configuration", READ)
def test_copies_of_one_person_share_what_all_people_share_and_nothing_else(configuration: str) -> None:
    read = READ[configuration]
    mine = [read(copy) for copy in issued(WHOLE, configuration)]
    somebody_elses = read(issued(BARE, configuration)[0])

    for one, other in itertools.pairwise(mine):
        same = {path for path in one.keys() & other.keys() if one[path] == other[path]}
        known = {path for path in same if one[path] == somebody_elses.get(path)}
        assert same == known, f"only this person's copies have {same - known}"
        assert {name for path in same for name in path} & SHARED[configuration]
    random = [value for one in mine for value in one.values() if isinstance(value, bytes | str) and len(value) >= 16]
    alike = {value for value in random if random.count(value) > 1}
    assert alike <= set(somebody_elses.values())


@pytest.mark.parametrize("configuration", READ)
def test_the_shape_of_a_copy_tells_nothing_of_whom_it_is(configuration: str) -> None:
    """As many digests, in no order, for who has everything and who has nothing: only what is shown differs."""
    read = READ[configuration]
    whole, bare = ([read(copy) for copy in issued(who, configuration)] for who in (WHOLE, BARE))

    shapes = {frozenset(path for path in each if "salts" not in path) for each in [*whole, *bare]}

    assert len(shapes) == 1
    sizes = {len(str(value)) for each in (*whole, *bare) for path, value in each.items() if "_sd" in path}
    assert len(sizes) <= 1


def test_neither_order_nor_place_of_a_digest_tells_which_claim_it_is() -> None:
    """The first element of each of eight copies has another digest id, and its digest another place."""
    ids, places = set(), set()
    for copy in issued(WHOLE, "e_resident_mdoc"):
        [items] = cbor2.loads(jws.unb64(copy))["nameSpaces"].values()
        ids.add(cbor2.loads(items[0].value)["digestID"])
    for copy in issued(WHOLE, "e_resident_sd_jwt"):
        signed, first, *_ = copy.split("~")
        listed = jws.read_json(jws.unb64(signed.split(".")[1]))["_sd"]
        assert listed == sorted(listed)
        places.add(listed.index(disclosure.digest(first)))
    assert len(ids) > 2
    assert len(places) > 2


def test_dates_tell_the_day_and_not_the_hour() -> None:
    for configuration, read in READ.items():
        seen = read(issued(WHOLE, configuration)[0])
        instants = [value for path, value in seen.items() if path[-1] in {"iat", "exp"} or "validityInfo" in path]
        assert len(instants) in {2, 3}
        for instant in instants:
            assert instant % 86_400 == 0 if isinstance(instant, int) else instant.strftime("%H%M%S") == "000000"


@pytest.mark.asyncio
async def test_after_delivery_nothing_of_a_copy_is_in_the_database(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    who = await resident(app)
    held = await wallet.accept(await offered(client, who), copies=2)
    keys = [DeviceKey(), DeviceKey()]
    async with another_wallet(app) as other:
        octets = await mdocs.fetched(client, other, who.access_token, keys)

    secrets = [*map(secrets_of, (one.whole for one in held)), *map(secrets_of_mdoc, octets)]
    wanted = {part for each in secrets for part in each} | {
        coordinate for key in keys for coordinate in points(key.jwk)
    }
    wanted |= {coordinate for one in held for coordinate in points(one.key.jwk)}

    async with transaction(app.state.house.worker) as story:
        stored = await everything(await story())
    assert issued_to(who.subject) in stored, "the search reads what there is"
    assert not found(wanted, stored)


def issued_to(holder: UUID) -> str:
    return str(holder)


def points(jwk: dict[str, str]) -> set[bytes]:
    return {jws.unb64(jwk["x"]), jws.unb64(jwk["y"])}


def secrets_of(copy: str) -> set[bytes]:
    """Name what is this copy's alone: its signature, the salts, the digests, the disclosures."""
    signed, *disclosures, _ = copy.split("~")
    opened = [jws.read_json(jws.unb64(each)) for each in disclosures]
    digests = jws.read_json(jws.unb64(signed.split(".")[1]))["_sd"]
    return {
        jws.unb64(signed.split(".")[2]),
        *(each[0].encode() for each in opened),
        *map(jws.unb64, digests),
        *map(str.encode, disclosures),
    }


def secrets_of_mdoc(copy: bytes) -> set[bytes]:
    parts = cbor2.loads(copy)
    [items] = parts["nameSpaces"].values()
    signed = cbor2.loads(cbor2.loads(parts["issuerAuth"][2]).value)
    [digests] = signed["valueDigests"].values()
    salts = (cbor2.loads(each.value)["random"] for each in items)
    return {parts["issuerAuth"][3], *salts, *digests.values()}


def found(wanted: Iterable[bytes], stored: str) -> set[bytes]:
    """Name what of `wanted` is in `stored`."""
    return {part for part in wanted if any(form in stored for form in forms(part))}


def forms(part: bytes) -> set[str]:
    """Write bytes as a row may hold them: hexadecimal, base64 of either alphabet, or as the text they are."""
    written = {part.hex(), base64.b64encode(part).decode().rstrip("="), jws.b64(part)}
    return written | ({part.decode()} if part.isascii() else set())


async def everything(db: AsyncConnection) -> str:
    """Read every row of every table a login role reads, as the text it would be dumped as."""
    rows: list[str] = []
    for table in (await db.scalars(_TABLES)).all():
        rows += await db.scalars(text(f"SELECT to_jsonb(row)::text FROM {table} AS row"))  # noqa: S608  a name of the catalogue
    return " ".join(rows)


_TABLES = text(
    """
    SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
    WHERE schemaname IN ('app', 'credential', 'kyc', 'residency')
    AND has_table_privilege(format('%I.%I', schemaname, tablename), 'SELECT') ORDER BY 1
    """
)


@pytest.mark.asyncio
async def test_the_search_names_what_is_planted_in_a_row(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    """Planted: an issuance that keeps what only its copy has, in each form a column may hold it."""
    who = await resident(app)
    [held] = await wallet.accept(await offered(client, who))
    signed, first, *_ = held.whole.split("~")
    signature, salt = jws.unb64(signed.split(".")[2]), jws.read_json(jws.unb64(first))[0]
    digest = jws.unb64(disclosure.digest(first))
    kept: list[tuple[bytes, dict[str, object]]] = [
        (salt.encode(), {"device": f"jkt {salt}"}),
        (signature, {"device": base64.b64encode(signature).decode()}),
        (signature, {"device": jws.b64(signature)}),
        (signature, {"device": f"\\x{signature.hex()}"}),
        (digest, {"notification_hash": digest}),
    ]

    async with transaction(app.state.house.worker) as story:
        db = await story()
        mine = select(issuance).where(issuance.c.holder == who.subject)
        row = dict((await db.execute(mine)).mappings().one())
        for part, columns in kept:
            planted = row | {"id": uuid4(), "notification_hash": bytes(32)} | columns
            async with db.begin_nested() as undone:
                await db.execute(insert(issuance).values(planted))
                assert found(secrets_of(held.whole), await everything(db)) == {part}
                await undone.rollback()
        assert not found(secrets_of(held.whole), await everything(db))


def test_the_comparison_finds_what_links() -> None:
    """Planted: a batch that shares one salt, as an issuer would make it that draws salts per person."""
    one, other = (sd_jwt_of(copy) for copy in issued(WHOLE, "e_resident_sd_jwt")[:2])
    other |= {("salts", 0): one["salts", 0]}

    same = {path for path in one.keys() & other.keys() if one[path] == other[path]}
    somebody_elses = sd_jwt_of(issued(BARE, "e_resident_sd_jwt")[0])

    assert {path for path in same if one[path] != somebody_elses.get(path)} == {("salts", 0)}
