"""What a chip says in its holder's own letters: read as written, or not there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.chip import der, personal
from kyc.chip.personal import BirthPlace, Personal
from simulators.details import details
from simulators.portrait import tlv


def written(name: str, place: str) -> bytes:
    surname, _, rest = name.partition("<<")
    return details(surname=surname, given=rest, birth_place=place)


SAID = {
    ("ҚАРИМОВ<<БЕКЗОД", "ТАШКЕНТ<UZB"): Personal("ҚАРИМОВ", "БЕКЗОД", BirthPlace("UZ", None, "ТАШКЕНТ")),
    ("陳<<美玲", "新加坡"): Personal("陳", "美玲", BirthPlace(None, None, "新加坡")),
    ("مصطفى<<نور", "JOR"): Personal("مصطفى", "نور", BirthPlace("JO")),
    ("GARCÍA<MÁRQUEZ<<ANA<SOFÍA", "LUGO<GALICIA<ESP"): Personal(
        "GARCÍA MÁRQUEZ", "ANA SOFÍA", BirthPlace("ES", "GALICIA", "LUGO")
    ),
    ("SUKARNO", ""): Personal("SUKARNO"),
    ("MÜLLER<<JÖRG", "MÜNCHEN<D<<"): Personal("MÜLLER", "JÖRG", BirthPlace("DE", None, "MÜNCHEN")),
}


@pytest.mark.parametrize(("name", "place"), SAID)
def test_a_name_and_a_place_are_read_as_the_state_wrote_them(name: str, place: str) -> None:
    assert personal.read(written(name, place)) == SAID[name, place]


def test_two_ways_of_writing_a_letter_are_one() -> None:
    assert personal.read(written("MU\u0308LLER<<A", "")).surname == "M\u00dcLLER"


@pytest.mark.parametrize("name", [b"\xff\xfe", b"A\x00<<B", b"A\x1b[31m<<B", "А".encode() * 201, b""])
def test_what_nobody_can_read_is_not_there(name: bytes) -> None:
    group = tlv(0x6B, tlv(0x5C, b"\x5f\x0e") + tlv(0x5F0E, name))

    assert personal.read(group) == Personal()


WHOLE = written("A<<B", "C")


@pytest.mark.parametrize("group", [b"", b"\x6b", b"\x6b\x00", WHOLE[:-1], WHOLE + b"\x00", b"\x6c" + WHOLE[1:]])
def test_what_is_no_such_file_is_malformed(group: bytes) -> None:
    with pytest.raises(der.Malformed):
        personal.read(group)


@given(st.binary(max_size=60))
def test_hostile_bytes_are_malformed_or_read(inside: bytes) -> None:
    try:
        found = personal.read(tlv(0x6B, inside))
    except der.Malformed:
        return
    assert all(text is None or text.isprintable() for text in (found.surname, found.given))
