"""Chips for tests: what one of each profile says, and what pyemv says it must say."""

import warnings
from typing import NamedTuple

from cryptography.utils import CryptographyDeprecationWarning
from hypothesis import strategies as st

with warnings.catch_warnings():
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    import pyemv

STATUS = b"\x00\x82\x00\x00"
_LENGTHS = {"9F02": 6, "9F03": 6, "9F1A": 2, "95": 5, "5F2A": 2, "9A": 3, "9C": 1, "9F37": 4, "82": 2, "9F36": 2}


class Oracle(NamedTuple):
    """What pyemv says."""

    request: bytes
    answer: bytes


@st.composite
def said(draw: st.DrawFn) -> dict[str, bytes]:
    """Draw the tags of a transaction of some profile, without its cryptogram."""
    tags = {tag: draw(st.binary(min_size=size, max_size=size)) for tag, size in _LENGTHS.items()}
    rest = draw(st.binary(min_size=16, max_size=16))
    data = {
        "visa-10": bytes.fromhex("06010A") + rest[:4],
        "visa-18": bytes.fromhex("060112") + rest[:4],
        "mastercard-16": bytes.fromhex("0110") + rest,
        "mastercard-17": bytes.fromhex("0111") + rest,
    }
    return {**tags, "9F10": data[draw(st.sampled_from(sorted(data)))]}


def oracle(master: bytes, pan: str, sequence: str, tags: dict[str, bytes]) -> Oracle:
    """Answer what a card with this number would say, and how the issuer would answer 00."""
    covered = {f"tag_{tag.lower()}": value for tag, value in tags.items() if tag != "9F10"}
    data = tags["9F10"]
    three = (master, master, master, pan, sequence)
    if data[0] == 6:
        if data[2] == 0x0A:
            ten = pyemv.cvn.VisaCVN10(*three)
            request = ten.generate_ac(**covered, cvr=data[3:7])
            return Oracle(request, ten.generate_arpc(request, b"00") + b"00")
        eighteen = pyemv.cvn.VisaCVN18(*three)
        request = eighteen.generate_ac(**covered, tag_9f10=data)
        return Oracle(request, eighteen.generate_arpc(request, tags["9F36"], STATUS) + STATUS)
    if data[1] == 0x10:
        sixteen = pyemv.cvn.MasterCardCVN16(*three)
        request = sixteen.generate_ac(**covered, cvr=data[2:8])
        return Oracle(request, sixteen.generate_arpc(request, b"00") + b"00")
    seventeen = pyemv.cvn.MasterCardCVN17(*three)
    request = seventeen.generate_ac(**covered, cvr=data[2:8], counters=data[10:18])
    return Oracle(request, seventeen.generate_arpc(request, b"00") + b"00")
