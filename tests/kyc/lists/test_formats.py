"""Lists as OFAC, the UN and agencies write them, and what is no list."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.lists import formats, nations
from kyc.lists.formats import BadList, read
from kyc.names.entity import Alias, Entity, Kind, Quality

NOTHING = ",-0- " * 8
PERSON = (
    '36,"DOE, John",individual,"SDGT] [IRAN",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"DOB 07 Oct 1954; alt. DOB Mar 1961;'
    " alt. DOB circa 1960; alt. DOB 1958 to 1963; POB Paris; nationality Iran; citizen Korea, North; Gender Male;"
    " a.k.a. 'JACKAL'.\"\r\n"
)
BANK = '37,"BANK OF NOWHERE",-0- ,"CUBA",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \r\n'
SHIP = '38,"HAPPY",vessel,"CUBA",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \r\n'
SDN = (PERSON + BANK + SHIP + "\x1a").encode()
ALT = b'36,12,"aka","DOE, Johnny",-0- \r\n37,13,"fka","NOWHERE BANK",-0- \r\n\x1a'

UN = """<?xml version="1.0" encoding="UTF-8"?>
<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL>
<DATAID>1</DATAID><FIRST_NAME>ERIC</FIRST_NAME><SECOND_NAME>BADEGE</SECOND_NAME><UN_LIST_TYPE>DRC</UN_LIST_TYPE>
<REFERENCE_NUMBER>CDi.001</REFERENCE_NUMBER><NAME_ORIGINAL_SCRIPT>إريك</NAME_ORIGINAL_SCRIPT><GENDER>Male</GENDER>
<NATIONALITY><VALUE>Democratic Republic of the Congo</VALUE><VALUE>na</VALUE></NATIONALITY>
<INDIVIDUAL_ALIAS><QUALITY>Low</QUALITY><ALIAS_NAME>Rumuli</ALIAS_NAME></INDIVIDUAL_ALIAS>
<INDIVIDUAL_ALIAS><QUALITY/><ALIAS_NAME/></INDIVIDUAL_ALIAS>
<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>EXACT</TYPE_OF_DATE><DATE>1971-02-03</DATE></INDIVIDUAL_DATE_OF_BIRTH>
<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>BETWEEN</TYPE_OF_DATE><FROM_YEAR>1970</FROM_YEAR><TO_YEAR>1972</TO_YEAR>
</INDIVIDUAL_DATE_OF_BIRTH><INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE/></INDIVIDUAL_DATE_OF_BIRTH>
</INDIVIDUAL></INDIVIDUALS><ENTITIES><ENTITY><DATAID>2</DATAID><FIRST_NAME>ADF</FIRST_NAME>
<REFERENCE_NUMBER>CDe.001</REFERENCE_NUMBER><ENTITY_ALIAS><QUALITY>a.k.a.</QUALITY><ALIAS_NAME>Forces; Allied Forces
</ALIAS_NAME></ENTITY_ALIAS></ENTITY></ENTITIES></CONSOLIDATED_LIST>
"""


def test_both_files_of_ofac_are_one_list() -> None:
    person, bank, ship = read(SDN, "ofac", ALT)

    assert person == Entity(
        source="ofac",
        id="36",
        kind=Kind.PERSON,
        names=(Alias("DOE, John"), Alias("DOE, Johnny"), Alias("JACKAL", Quality.WEAK)),
        born=("1954-10-07", "1961-03", "1960", "1958/1963"),
        nationalities=("IRN", "PRK"),
        sex="M",
        programs=("SDGT", "IRAN"),
    )
    assert (bank.kind, [alias.text for alias in bank.names]) == (Kind.ORGANISATION, ["BANK OF NOWHERE", "NOWHERE BANK"])
    assert (ship.kind, ship.born, ship.nationalities) == (Kind.VESSEL, (), ())


def test_the_first_line_of_ofac_may_name_the_columns() -> None:
    heads = b"ent_num,SDN_name,SDN_type,Program,Title,Call_Sign,Vess_type,Tonnage,GRT,Vess_flag,Vess_owner,Remarks\r\n"

    assert read(heads + SDN, "ofac") == read(SDN, "ofac")


def test_the_files_of_ofac_are_told_apart_by_their_content() -> None:
    assert (formats.is_sdn(SDN), formats.is_alternates(SDN)) == (True, False)
    assert (formats.is_sdn(ALT), formats.is_alternates(ALT)) == (False, True)


def test_the_list_of_the_united_nations_is_read() -> None:
    person, group = read(UN.encode(), "un")

    assert person == Entity(
        source="un",
        id="CDi.001",
        kind=Kind.PERSON,
        names=(Alias("ERIC BADEGE"), Alias("إريك"), Alias("Rumuli", Quality.WEAK)),
        born=("1971-02-03", "1970/1972"),
        nationalities=("COD",),
        sex="M",
        programs=("DRC",),
    )
    assert (group.id, group.kind) == ("CDe.001", Kind.ORGANISATION)
    assert [alias.text for alias in group.names] == ["ADF", "Forces", "Allied Forces"]


def test_lists_of_ours_are_json_or_csv() -> None:
    as_json = b'[{"id": "1", "names": ["Jane Doe", {"text": "JD", "quality": "weak"}], "born": ["1961"], "sex": "F"}]'
    as_csv = b"id,name,quality,born,sex\n1,Jane Doe,,1961,F\n1,JD,weak,,\n"

    assert read(as_json, "agency") == read(as_csv, "agency")
    assert read(as_csv, "agency")[0].names == (Alias("Jane Doe"), Alias("JD", Quality.WEAK))


def test_an_entity_is_json_and_comes_back() -> None:
    for entity in (*read(SDN, "ofac", ALT), *read(UN.encode(), "un")):
        assert msgspec.json.decode(msgspec.json.encode(entity), type=Entity) == entity
    written = msgspec.json.encode(read(UN.encode(), "un"))
    assert read(written, "un") == read(UN.encode(), "un")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"hello\n",
        b"\xff\xfe\x00",
        b"[]",
        b"[",
        b"{}",
        b'[{"id": "1", "names": []}]',
        b'[{"id": "1", "names": ["--"]}]',
        b'[{"id": "", "names": ["Doe"]}]',
        b'[{"id": "1", "names": ["Do\\u0000e"]}]',
        b'[{"id": "1", "names": ["Doe"], "born": ["yesterday"]}]',
        b'[{"id": "1", "names": ["Doe"], "nationalities": ["Atlantis"]}]',
        b'[{"id": "1", "names": ["Doe"]}, {"id": "1", "names": ["Roe"]}]',
        b'[{"id": "1", "names": ["Doe"], "extra": 1}]',
        b"id,name\n1,Doe,1961\n",
        b"id,name,kind\n1,Doe,ghost\n",
        b"name\nDoe\n",
        b"<list/>",
        b"<CONSOLIDATED_LIST/>",
        b"<CONSOLIDATED_LIST>",
        SDN[:-20],
        SDN[: SDN.index(b"POB")],
        SDN + b"x\n",
        SDN[:-1],
        SDN[: SDN.index(b"37,")],
        b'36,12,"aka"\n',
    ],
)
def test_what_is_no_list_or_not_the_whole_of_one_is_refused(content: bytes) -> None:
    with pytest.raises(BadList):
        read(content, "agency")


@pytest.mark.parametrize(
    ("alternates", "why"),
    [
        (ALT[:-1], "end mark"),
        (ALT[: ALT.index(b"37,")], "end mark"),
        (ALT.replace(b"\x1a", b'99,14,"aka","ROE",-0- \r\n\x1a'), "belong to nobody"),
    ],
)
def test_other_names_that_were_cut_or_belong_to_another_list_are_refused(alternates: bytes, why: str) -> None:
    with pytest.raises(BadList, match=why):
        read(SDN, "ofac", alternates)


@pytest.mark.parametrize(
    ("remarks", "names"),
    [
        ("a.k.a. 'ABU-'UMAR'.", ["ABU-'UMAR"]),
        ("DOB 1960; a.k.a. 'AL-QA'QA'; alt. a.k.a. ''FUPI''; Gender Male.", ["AL-QA'QA", "'FUPI'"]),
        ("a.k.a. 'HAJJ AS'AD AHMAD'; a.k.a. 'JACKAL'.", ["HAJJ AS'AD AHMAD", "JACKAL"]),
    ],
)
def test_a_weak_alias_ends_where_its_remark_does(remarks: str, names: list[str]) -> None:
    row = PERSON[: PERSON.index('"DOB')] + f'"{remarks}"\r\n\x1a'

    [person] = read(row.encode(), "ofac")

    assert [alias.text for alias in person.names if alias.quality is Quality.WEAK] == names


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_in_any_encoding(encoding: str) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>'
    declared = UN.replace('encoding="UTF-8"', f'encoding="{encoding}"').replace("?>\n", f"?>\n{bomb}\n", 1)

    with pytest.raises(BadList, match="document type"):
        read(declared.encode(encoding), "un")


@given(st.integers(1, len(UN.encode()) - 30))
def test_a_list_of_the_united_nations_cut_anywhere_is_refused(end: int) -> None:
    with pytest.raises(BadList):
        read(UN.encode()[:end], "un")


@given(st.binary(max_size=200))
def test_garbage_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(BadList):
        read(content, "agency")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("Iran (Islamic Republic of)", "IRN"), ("Korea, North", "PRK"), ("Republic of Korea", "KOR"), ("Congo", "COG"),
        ("Congo, Democratic Republic of the", "COD"), ("The Gambia", "GMB"), ("possibly Palestinian", "PSE"),
        ("North Macedonia, The Republic of", "MKD"), ("Türkiye", "TUR"), ("Viet Nam", "VNM"), ("Guinea", "GIN"),
        ("Guinea-Bissau", "GNB"), ("KZ", "KAZ"), ("kaz", "KAZ"), ("D", "DEU"), ("former Soviet Union", ""), ("", ""),
    ],
)  # fmt: skip
def test_countries_are_known_by_code_and_by_the_names_of_lists(written: str, code: str) -> None:
    assert nations.code(written) == code


def test_the_lists_of_today_are_read_whole(reference: Path) -> None:
    folder = reference / "sanctions"
    ofac = read((folder / "ofac_sdn_2025-03.csv").read_bytes(), "ofac", (folder / "ofac_alt.csv").read_bytes())
    nations_ = read((folder / "un_consolidated_2026-02-27.xml").read_bytes(), "un")

    assert (len(ofac), len(nations_)) == (15_402, 1_003)
    assert sum(len(entity.names) for entity in (*ofac, *nations_)) >= 37_000
    people = [entity for entity in ofac if entity.kind is Kind.PERSON]
    assert sum(bool(entity.born) for entity in people) / len(people) > 0.98
    assert sum(bool(entity.nationalities) for entity in people) / len(people) > 0.7
