"""What the specifications publish as examples: read, verified, and written the same."""

import json
import random
from pathlib import Path
from typing import Any

import cbor2
import pytest

from residency.credential import cbor, cose, disclosure, jws, key_binding, sd_jwt, status_cwt, status_list
from residency.credential.check import NotVerified
from tests.credential import made

VECTORS = Path(__file__).parent / "vectors"
RFC_9901 = json.loads((VECTORS / "rfc9901.json").read_text())
DRAFT = json.loads((VECTORS / "status_lists.json").read_text())
ISSUER = jws.public_key(RFC_9901["issuer"])

_PLACES = (0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345)
_WIDE = (0, 1993, 35460, 459495, 595669, 754353, 845645, 923232, 924445, 934534, 1004534, 1000345, 1030203, 1030204)


def _wide() -> dict[int, int]:
    """Draw the entries of the 8-bit list, as whoever wrote the draft did."""
    drawn = random.Random(42)
    return {drawn.randint(0, 2**20 - 1): status for status in range(2**8)}


STATUSES: dict[int, dict[int, int]] = {
    1: dict.fromkeys(_PLACES, 1),
    2: dict(zip(_PLACES, (1, 2, 1, 3, 1, 1, 2, 1, 1, 2, 3), strict=True)),
    4: dict(zip((*_WIDE, 1030205), range(1, 16), strict=True)),
    8: _wide(),
}


@pytest.mark.parametrize("example", RFC_9901["examples"], ids=lambda each: each["name"])
def test_the_examples_of_rfc_9901_are_what_a_verifier_makes_of_them(example: dict[str, Any]) -> None:
    sd, kb = sd_jwt.split(example["presented"])
    signed, *disclosures = sd.removesuffix("~").split("~")
    token = jws.parse(signed)

    assert token.signed_by(ISSUER)
    assert disclosure.reveal(token.payload, disclosures).claims == example["claims"]
    if kb:
        binding = jws.parse(kb)
        assert binding.header["typ"] == key_binding.TYP
        assert binding.payload["sd_hash"] == disclosure.digest(sd)
        assert binding.signed_by(jws.public_key(token.payload["cnf"]["jwk"]))


@pytest.mark.parametrize("example", RFC_9901["examples"], ids=lambda each: each["name"])
def test_a_disclosure_of_an_example_that_is_changed_is_referenced_by_nothing(example: dict[str, Any]) -> None:
    sd, _ = sd_jwt.split(example["presented"])
    signed, first, *others = sd.removesuffix("~").split("~")
    salt, *rest = made.opened(first)

    with pytest.raises(NotVerified, match="unreferenced_disclosure"):
        disclosure.reveal(jws.parse(signed).payload, [made.hidden(salt + "A", *rest)[0], *others])


@pytest.mark.parametrize("vector", DRAFT["lists"], ids=lambda each: f"{each['bits']} bits")
def test_lists_of_a_million_entries_are_packed_as_in_the_draft(vector: dict[str, Any]) -> None:
    bits, statuses = vector["bits"], STATUSES[vector["bits"]]
    packed = status_list.pack(statuses, size=2**20, bits=bits)
    told = cbor.load(bytes.fromhex(vector["cbor"]))

    assert vector["json"]["bits"] == told["bits"] == bits
    assert status_list.decode(vector["json"]["lst"]) == status_list.decompress(told["lst"]) == packed
    assert status_list.decode(status_list.encode(packed)) == packed
    assert {at: status_list.entry(packed, at, bits=bits) for at in statuses} == statuses
    assert cbor2.dumps({"bits": bits, "lst": told["lst"]}).hex() == vector["cbor"]


def test_the_status_list_cwt_of_the_draft_is_read_and_not_believed() -> None:
    """Its key is in the draft alone, without a certificate, so that nobody can follow it to a root (HAIP 1.0)."""
    raw = bytes.fromhex(DRAFT["token"])
    key = jws.public_key(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "I3HWm_0Ds1dPMI-IWmf4mBmH-YaeAVbPVu7vB27CxXo",
            "y": "6N_d5Elj9bs1htgV3okJKIdbHEpkgTmAluYKJemzn1M",
        }
    )

    assert cose.parse(cose.untagged(raw)).signed_by(key)
    with pytest.raises(NotVerified, match="no_chain"):
        status_cwt.look_up(
            raw,
            0,
            uri="https://example.com/statuslists/1",
            roots=(made.authority().root.certificate,),
            at_time=made.AT,
        )
