"""The file of further personal details of a simulated passport (EF.DG11), as a real chip writes it.

Written from ICAO Doc 9303-10, section 4.7.11, and by no code of the house.
"""

from simulators.portrait import tlv

_NAME, _BIRTH_PLACE = 0x5F0E, 0x5F11


def details(*, surname: str, given: str, birth_place: str) -> bytes:
    """Build EF.DG11 with the name in its holder's letters and a place of birth, parts parted by `<`."""
    name = f"{surname.replace(' ', '<')}<<{given.replace(' ', '<')}"
    said = {_NAME: name, _BIRTH_PLACE: birth_place}
    tags = b"".join(tag.to_bytes(2, "big") for tag in said)
    return tlv(0x6B, tlv(0x5C, tags) + b"".join(tlv(tag, text.encode()) for tag, text in said.items()))
