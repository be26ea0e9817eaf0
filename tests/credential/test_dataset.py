"""What the credential says of a person, and what it does not."""

import base64
import json
import secrets
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.credentials import likeness
from proof.signer import FileSigner
from residency.credential import dataset, issuing, jws, metadata, sd_jwt
from residency.credential.configuration import vct
from residency.credential.dataset import Kind, Place
from residency.credential.disclosure import Sd
from residency.credential.entries import Entry
from tests.credential import made


@pytest.mark.parametrize(
    ("born", "on", "years"),
    [
        (date(2008, 11, 22), date(2026, 11, 21), 17),
        (date(2008, 11, 22), date(2026, 11, 22), 18),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2008, 2, 29), date(2028, 2, 29), 20),
    ],
)
def test_a_person_is_a_year_older_on_the_birthday(born: date, on: date, years: int) -> None:
    assert dataset.age(born, on) == years


@given(st.dates(date(1920, 1, 1), date(2026, 11, 22)))
def test_whoever_has_reached_an_age_has_reached_every_lower_one(born: date) -> None:
    told = dataset.claims(made.resident(birthdate=born.isoformat()), Kind.E_RESIDENT, on=date(2026, 11, 22))
    ages = told["age_equal_or_over"]
    assert isinstance(ages, dict)
    answers = [ages[str(years)].value for years in dataset.AGES]

    assert answers == sorted(answers, reverse=True)


@pytest.mark.parametrize(
    ("birthdate", "told", "over_18", "over_21"),
    [
        ("2008-11-22", "2008-11-22", True, False),
        ("2008-11-XX", "2008-11", None, False),
        ("2008-XX-XX", "2008", None, False),
        ("2008-10-XX", "2008-10", True, False),
        ("1990-XX-XX", "1990", True, True),
        ("XXXX-XX-XX", None, None, None),
    ],
)
def test_what_a_passport_leaves_open_stays_open(
    birthdate: str, told: str | None, over_18: bool | None, over_21: bool | None
) -> None:
    on = date(2026, 11, 22)

    assert dataset.is_of_age(birthdate, 18, on) is over_18
    assert dataset.is_of_age(birthdate, 21, on) is over_21
    assert dataset.claims(made.resident(birthdate=birthdate), Kind.E_RESIDENT, on=on).get("birthdate") == (
        told and Sd(told)
    )


def test_the_stateless_have_no_nationality_to_show() -> None:
    assert "nationalities" not in dataset.claims(made.resident(nationalities=()), Kind.E_RESIDENT, on=made.AT.date())


def test_everything_personal_is_the_holders_to_show() -> None:
    told = dataset.claims(made.resident(), Kind.E_RESIDENT, on=made.AT.date())
    shown = {name for name, value in told.items() if not isinstance(value, Sd)}

    assert shown == {"issuing_authority", "issuing_country", "age_equal_or_over"}
    ages = told["age_equal_or_over"]
    assert isinstance(ages, dict)
    assert all(isinstance(value, Sd) for value in ages.values())


def test_a_status_without_an_end_has_no_date_of_expiry() -> None:
    assert "date_of_expiry" not in dataset.claims(made.resident(expires_on=None), Kind.E_RESIDENT, on=made.AT.date())


def test_each_threshold_has_a_disclosure_of_its_own() -> None:
    over_18 = sd_jwt.verify(made.presented(["18"]), made.expected()).claims

    assert over_18["age_equal_or_over"] == {"18": True}


@pytest.mark.parametrize(
    ("expires_on", "ends"),
    [
        (None, datetime(2027, 2, 20, tzinfo=UTC)),
        (date(2030, 1, 1), datetime(2027, 2, 20, tzinfo=UTC)),
        # The last day ends at midnight in Almaty, 19:00 UTC; the day that is shown must not reach beyond it.
        (date(2026, 12, 31), datetime(2026, 12, 31, tzinfo=UTC)),
    ],
)
def test_a_copy_ends_at_a_midnight_within_the_status(expires_on: date | None, ends: datetime) -> None:
    seal = made.authority().document

    assert issuing.expiry(made.AT, resident=made.resident(expires_on=expires_on), seal=seal) == ends


def test_a_copy_ends_before_the_certificate_of_its_signer() -> None:
    late = made.AT + timedelta(days=400)
    seal = made.authority().document

    assert issuing.expiry(late, resident=made.resident(), seal=seal) <= seal.chain[0].not_valid_after_utc


def test_two_copies_share_nothing_that_could_link_them() -> None:
    wallets = [FileSigner(made.key()) for _ in range(2)]
    entries = [Entry(made.LIST, 1), Entry(made.LIST, 2)]

    copies = issuing.sign(
        made.resident(),
        made.E_RESIDENT,
        list(map(made.cnf, wallets)),
        entries,
        issuer=made.authority().issuer,
        at=made.AT,
    )

    first, second = (_parts(copy) for copy in copies)
    same_for_all = {"iss", "vct", "iat", "exp", "issuing_authority", "issuing_country", "_sd_alg"}
    assert {name for name in first if first[name] == second[name]} == same_for_all
    assert first["status"]["status_list"]["idx"] != second["status"]["status_list"]["idx"]
    assert not set(first["_sd"]) & set(second["_sd"])
    assert not set(copies[0].split("~")[1:-1]) & set(copies[1].split("~")[1:-1])


def _parts(copy: str) -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = json.loads(jws.unb64(copy.split(".")[1]))
    return found


def test_the_descriptions_name_every_claim_and_how_it_is_shown() -> None:
    told = metadata.credential_type(made.URL, Kind.E_RESIDENT)
    configuration = metadata.issuer(made.URL, [*Kind], [])["credential_configurations_supported"]["e_resident_sd_jwt"]
    described = {tuple(claim["path"]): claim["sd"] for claim in told["claims"]}
    whole = made.resident(
        national_family_name="Мустерманн",
        national_given_name="Эрика",
        birth_place=Place(country="DE", locality="Berlin"),
        portrait=b"\xff\xd8\xff",
        iin="900314000000",
    )
    [copy] = issuing.sign(
        whole, made.E_RESIDENT, [made.cnf(made.holder())], [made.ENTRY], issuer=made.authority().issuer, at=made.AT
    )
    issued = sd_jwt.verify(made.bound(copy), made.expected())

    assert [claim["path"] for claim in configuration["credential_metadata"]["claims"]] == list(map(list, described))
    assert {path for path, sd in described.items() if sd == "always"} == set(issued.disclosed)
    assert all(path[0] in issued.claims for path, sd in described.items() if sd == "never")
    assert told["vct"] == configuration["vct"] == issued.claims["vct"]
    for claim in told["claims"]:
        assert [shown["locale"] for shown in claim["display"]] == list(dataset.LANGUAGES)


def test_the_type_is_our_own_and_not_the_one_reserved_for_the_eu() -> None:
    assert vct(made.URL, Kind.E_RESIDENT) == f"{made.URL}/credentials/e-resident/1"
    assert "eudi" not in json.dumps(metadata.issuer(made.URL, [*Kind], []))


def test_the_issuer_publishes_the_keys_of_its_signers() -> None:
    seal = made.authority().document
    told = metadata.jwt_vc_issuer(made.URL, seal.chain)

    assert told["issuer"] == made.URL
    assert [key["kid"] for key in told["jwks"]["keys"]] == [seal.signer.kid]
    assert json.loads(jws.unb64(seal.header))["kid"] == seal.signer.kid


def test_the_largest_portrait_that_is_taken_fits_into_what_verifiers_read() -> None:
    who = made.resident(portrait=b"\xff\xd8\xff" + secrets.token_bytes(likeness.BYTES_MAX - 3))

    [copy] = issuing.sign(
        who, made.E_RESIDENT, [made.cnf(made.holder())], [made.ENTRY], issuer=made.authority().issuer, at=made.AT
    )

    shown = sd_jwt.verify(made.bound(copy), made.expected()).claims["picture"]
    assert base64.b64decode(shown.removeprefix("data:image/jpeg;base64,")) == who.portrait
