"""What a verifier reads of the published status lists: over HTTP, in both forms, no older than it may keep them."""

import re
from collections.abc import Sequence

import cbor2
import httpx
from cryptography import x509

from app import clock
from residency.credential import jws, status_cwt, status_list
from residency.credential.status_list import Status
from simulators.passkey import Json

#: How late a verifier may learn of a change (the issue's word); it keeps a list no longer than it is told to.
LATE_MAX_S = 60


async def read(client: httpx.AsyncClient, reference: Json) -> Status:
    """Look one entry up."""
    [found] = await read_all(client, [reference])
    return found


async def read_all(client: httpx.AsyncClient, references: Sequence[Json]) -> set[Status]:
    """Look entries up in the lists they name, as JWT and as CWT, which say the same; answers what there is."""
    found: set[Status] = set()
    for uri in {each["uri"] for each in references}:
        by_jwt, by_cwt = await _packed(client, uri)
        for index in (each["idx"] for each in references if each["uri"] == uri):
            assert status_list.at(by_jwt, index) == status_list.at(by_cwt, index)
            found.add(Status(status_list.at(by_jwt, index)))
    return found


async def _packed(client: httpx.AsyncClient, uri: str) -> tuple[bytes, bytes]:
    """Fetch a list in both forms and believe neither before its signature, its name and its end are looked at."""
    root = await pinned(client)
    text = (await fetched(client, uri, "application/statuslist+jwt")).text
    octets = (await fetched(client, uri, status_cwt.MEDIA_TYPE)).content
    at = clock.real()
    status_list.look_up(text, 0, uri=uri, roots=(root,), at_time=at)
    status_cwt.look_up(octets, 0, uri=uri, roots=(root,), at_time=at)
    claims = jws.parse(text).payload
    assert claims["ttl"] <= LATE_MAX_S
    [_, _, payload, _] = cbor2.loads(octets).value
    return status_list.decode(claims["status_list"]["lst"]), status_list.decompress(cbor2.loads(payload)[65533]["lst"])


async def fetched(client: httpx.AsyncClient, uri: str, media: str) -> httpx.Response:
    """Fetch a list, and hold its answer to what caches may do with it."""
    answer = await client.get(uri, headers={"Accept": media})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    kept = re.search(r"max-age=(\d+)", answer.headers["cache-control"])
    assert kept is not None
    assert int(kept[1]) <= LATE_MAX_S
    return answer


async def pinned(client: httpx.AsyncClient) -> x509.Certificate:
    """Give the root, as a verifier has it beforehand."""
    return x509.load_der_x509_certificate((await client.get("/.well-known/eresidency-root.cer")).content)
