"""Queries in DCQL: which are queries at all, and what is an answer to them (OpenID4VP 1.0 sections 6 and 7)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residency.credential.presenting import dcql
from residency.credential.presenting.dcql import BadQuery, Shown

VCT = "https://id.example/credentials/e-resident/1"
DOC_TYPE = "kz.gov.e-residency.e-resident.1"
AUTHORITY = "s9tIpPmhxdiuNkHMEWNpYim8S8Y"  # 20 bytes in base64url, as in section 6.1.1.1


def sd_jwt(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    return {"id": "id", "format": "dc+sd-jwt", "meta": {"vct_values": [VCT]}} | changes


def mdoc(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    return {"id": "id", "format": "mso_mdoc", "meta": {"doctype_value": DOC_TYPE}} | changes


def one(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    return {"credentials": [sd_jwt(**changes)]}


def shown(claims: object = None, **changes: Any) -> Shown:  # noqa: ANN401  JSON
    told: Any = {"family_name": "MUSTERMANN", "age_equal_or_over": {"18": True}} if claims is None else claims
    facts: dict[str, Any] = {"format": "dc+sd-jwt", "type": VCT, "claims": told, "authorities": frozenset()}
    return Shown(**facts | changes)


NAME, ADULT = {"id": "a", "path": ["family_name"]}, {"id": "b", "path": ["age_equal_or_over", "18"], "values": [True]}
BAD: list[tuple[object, str]] = [
    ([], "Expected `object`"),
    ({}, "credentials"),
    ({"credentials": []}, "length"),
    ({"credentials": [sd_jwt(), sd_jwt()]}, "an id is given twice"),
    (one(id="a b"), "regex"),
    (one(id="a\n"), "regex"),
    (one(meta={}), "has no vct_values"),
    (one(meta={"vct_values": []}), "has no vct_values"),
    (one(meta={"vct_values": [1]}), "has no vct_values"),
    (one(format="jwt_vc_json"), "neither dc+sd-jwt nor mso_mdoc"),
    ({"credentials": [mdoc(meta={"vct_values": [VCT]})]}, "has no doctype_value"),
    ({"credentials": [mdoc(claims=[{"path": ["family_name"]}])]}, "a namespace and an element"),
    (one(claims=[{"path": []}]), "length"),
    (one(claims=[{"path": [-1]}]), "counts from 0"),
    (one(claims=[{"path": [True]}]), "Expected"),
    (one(claims=[{"path": [1.5]}]), "Expected"),
    (one(claims=[NAME, NAME]), "an id is given twice"),
    (one(claim_sets=[["a"]]), "claims that have ids"),
    (one(claims=[{"path": ["x"]}], claim_sets=[["a"]]), "claims that have ids"),
    (one(claims=[NAME], claim_sets=[["c"]]), "c, which is no claim"),
    (one(trusted_authorities=[{"type": "openid_federation", "values": ["x"]}]), "only aki"),
    (one() | {"credential_sets": [{"options": [["other"]]}]}, "other, which is not asked for"),
]


@pytest.mark.parametrize(("raw", "reason"), BAD)
def test_what_can_not_be_meant_is_refused(raw: object, reason: str) -> None:
    with pytest.raises(BadQuery) as refused:
        dcql.parse(raw)
    assert reason in refused.value.reason


def test_what_is_not_known_is_ignored() -> None:
    query = dcql.parse(one(new=1) | {"another": []})

    assert query.credentials[0].types == (VCT,)
    assert query.credentials[0].require_cryptographic_holder_binding


ANSWERS: list[tuple[dict[str, Any], dict[str, list[Shown]], tuple[str, ...]]] = [
    (one(), {"id": [shown()]}, ()),
    (one(), {}, ("id is missing",)),
    (one(), {"id": [shown()], "more": [shown()]}, ("more was not asked for",)),
    (one(), {"id": [shown(), shown()]}, ("id came more than once",)),
    (one(multiple=True), {"id": [shown(), shown()]}, ()),
    (one(), {"id": [shown(type="other")]}, ("id is of another type",)),
    (one(), {"id": [shown(format="mso_mdoc")]}, ("id is of another type",)),
    (one(claims=[NAME, ADULT]), {"id": [shown()]}, ()),
    (one(claims=[NAME, ADULT]), {"id": [shown({"family_name": "M"})]}, ("id shows other claims",)),
    (one(claims=[ADULT]), {"id": [shown({"age_equal_or_over": {"18": False}})]}, ("id shows other claims",)),
    (one(claims=[ADULT]), {"id": [shown({"age_equal_or_over": {"18": 1}})]}, ("id shows other claims",)),
    (one(claims=[NAME, ADULT], claim_sets=[["a"], ["b"]]), {"id": [shown({"family_name": "M"})]}, ()),
    (one(claims=[NAME, ADULT], claim_sets=[["a", "b"]]), {"id": [shown({"family_name": "M"})]},
     ("id shows other claims",)),
    (one(trusted_authorities=[{"type": "aki", "values": [AUTHORITY]}]), {"id": [shown()]},
     ("id is issued under another authority",)),
    (one(trusted_authorities=[{"type": "aki", "values": [AUTHORITY]}]),
     {"id": [shown(authorities=frozenset({"b3db48a4f9a1c5d8ae3641cc1163696229bc4bc6"}))]}, ()),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "came", "wrong"), ANSWERS)
def test_what_is_an_answer(raw: dict[str, Any], came: dict[str, list[Shown]], wrong: tuple[str, ...]) -> None:
    assert dcql.lacking(dcql.parse(raw), came) == wrong


SETS = {
    "credentials": [sd_jwt(id="passport"), sd_jwt(id="card"), sd_jwt(id="address"), mdoc(id="extra")],
    "credential_sets": [
        {"options": [["passport"], ["card", "address"]]},
        {"options": [["extra"]], "required": False},
    ],
}


@pytest.mark.parametrize(
    ("ids", "answers"),
    [
        ({"passport"}, True),
        ({"card", "address"}, True),
        ({"card"}, False),
        ({"address", "passport"}, True),
        (set(), False),
    ],
)
def test_of_several_ways_one_is_enough(ids: set[str], answers: bool) -> None:
    wrong = dcql.lacking(dcql.parse(SETS), {each: [shown()] for each in ids})

    assert (not wrong) is answers


def test_an_mdoc_is_asked_by_namespace_and_element() -> None:
    query = dcql.parse({"credentials": [mdoc(claims=[{"path": [DOC_TYPE, "age_over_18"], "values": [True]}])]})
    came = shown({DOC_TYPE: {"age_over_18": True}}, format="mso_mdoc", type=DOC_TYPE)

    assert dcql.lacking(query, {"id": [came]}) == ()


TREE = {"name": "Arthur", "degrees": [{"type": "BSc"}, {"type": "MSc"}], "nationalities": ["DE", "KZ"]}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (["name"], ["Arthur"]),
        (["degrees", None, "type"], ["BSc", "MSc"]),
        (["degrees", 1, "type"], ["MSc"]),
        (["degrees", 2, "type"], []),
        (["nationalities", None], ["DE", "KZ"]),
        (["name", 0], []),
        (["degrees", "type"], []),
        ([None], []),
        ([], [TREE]),
    ],
)
def test_a_path_leads_to_claims_as_in_the_standard(path: list[dcql.Step], found: list[object]) -> None:
    assert [*dcql.select(TREE, path)] == found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_a_query_or_refused(raw: object) -> None:
    try:
        query = dcql.parse(raw)
    except BadQuery:
        return
    assert query.credentials
