"""The packs as they are shipped: every rule has a source and examples it bears out, and nobody is passed over."""

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from kyc import states
from kyc.chip import masterlist
from kyc.packs import catalogue, linter, rule
from kyc.packs.catalogue import Catalogue
from kyc.packs.pack import Claim, Kind, Legalisation, Mark, MarkExample, Outcome, Pack, Regime
from tests.kyc import reference

PACKS = catalogue.shipped()
TODAY = date(2026, 11, 22)


def test_the_linter_finds_nothing_wrong_with_what_is_shipped() -> None:
    report = linter.lint(PACKS)

    assert report.problems == ()
    assert report.countries >= 25
    assert report.examples > report.rules


#: What nobody read up: the operator's own rule, three that are over, and what no source was found for.
UNREAD = {
    ("ZZ", "age.address_proof"),
    ("AM", "police"),
    ("BY", "transliteration"),
    ("JO", "police"),
    ("KZ", "registers"),
    ("XK", "legalisation"),
}


def test_what_nobody_read_up_is_shown() -> None:
    report = linter.lint(PACKS)

    assert {(each.country, each.rule) for each in report.unverified} == UNREAD
    assert report.rests_on["nothing"] == len(report.unverified) == len(UNREAD)
    assert sum(report.rests_on.values()) == report.rules


def test_where_sources_disagree_both_are_kept_and_shown() -> None:
    found = {
        (each.country, each.rule, each.valid_from): {(one.source, one.says) for one in each.claims}
        for each in linter.conflicts(PACKS)
    }
    legal = {country: claims for (country, about, _), claims in found.items() if about == "legalisation"}

    assert set(legal) == {"GE", "LT", "MD", "MY", "NG", "TM", "UA", "XK"}
    assert {("qazlegalconsult", "treaty"), ("wpk", "not_listed")} <= legal["GE"] & legal["TM"]
    assert {("qazlegalconsult", "not_listed"), ("wpk", "treaty")} <= legal["MD"]
    assert ("ua-convention", "treaty") in found["UA", "legalisation", "2004-04-27"]
    assert ("ua-convention", "not_listed") in found["UA", "legalisation", "2023-12-29"]
    assert ("visajourney-cn", "Local notary public office") in found["CN", "police", "2015-01-01"]
    assert {about for _, about, _ in found} == {"legalisation", "names", "police"}


def test_what_a_source_says_instead_is_kept_and_sources_nothing() -> None:
    police = PACKS.packs["DE"].police[0]
    agreeing = Claim(source="de-manama")
    other = Claim(source="wpk", differs="Somebody else")

    assert PACKS.is_sourced(police)
    assert not catalogue.is_disputed(police)
    for claims, sourced in (((agreeing, other), True), ((other,), False)):
        told = msgspec.structs.replace(police, claims=claims)
        assert (catalogue.is_disputed(told), PACKS.is_sourced(told)) == (True, sourced)
        pack = msgspec.structs.replace(PACKS.packs["DE"], police=(told,))
        (conflict,) = linter.conflicts(msgspec.structs.replace(PACKS, packs={"DE": pack}))
        assert (conflict.rule, conflict.taken) == ("police", "Bundesamt für Justiz")
        assert conflict.claims[-1].says == "Somebody else"


def legalisation(**given: Any) -> Legalisation:  # noqa: ANN401  what a rule takes
    told: dict[str, Any] = {
        "valid_from": date(2020, 1, 1),
        "regime": Regime.APOSTILLE,
        "claims": (Claim(source="wpk"),),
        "examples": (MarkExample(mark=Mark.APOSTILLE, gives=Outcome.PASS),),
    }
    return Legalisation(**(told | given))


def with_rules(*rules: Legalisation) -> Catalogue:
    pack = msgspec.structs.replace(PACKS.packs["DE"], legalisation=rules)
    return msgspec.structs.replace(PACKS, packs={"DE": pack})


#: What may be wrong with a rule, and what is said of it.
WRONG = {
    "no source": (legalisation(claims=()), "has no source"),
    "an unknown source": (legalisation(claims=(Claim(source="nobody"),)), "names the unknown source nobody"),
    "no example": (legalisation(examples=()), "has no example"),
    "an example it does not bear out": (
        legalisation(examples=(MarkExample(mark=Mark.NONE, gives=Outcome.PASS),)),
        'its example {"mark":"none","gives":"pass"} gives fail',
    ),
    "it ends before it begins": (legalisation(valid_to=date(2019, 1, 1)), "ends before it begins"),
}


@pytest.mark.parametrize(("spoilt", "said"), WRONG.values(), ids=WRONG)
def test_a_rule_that_is_wrong_is_named(spoilt: Legalisation, said: str) -> None:
    assert said in {each.what for each in linter.lint(with_rules(spoilt)).problems}


def test_two_rules_of_one_day_are_named_and_two_that_follow_are_not() -> None:
    ends = date(2023, 11, 7)
    first, then = legalisation(valid_to=ends), legalisation(valid_from=ends)
    early = legalisation(valid_from=ends - timedelta(days=1))

    assert linter.lint(with_rules(first, then)).problems == ()
    assert [each.what for each in linter.lint(with_rules(first, early)).problems] == [
        "two rules are in force on 2023-11-06"
    ]


def test_a_country_that_lacks_a_section_is_named() -> None:
    assert ("legalisation", "says nothing") in {(each.rule, each.what) for each in linter.lint(with_rules()).problems}


@pytest.mark.parametrize("content", ['country = "X"', 'country = "XX"\nname = "X X"\nsurprise = 1', "country ="])
def test_a_file_that_is_no_pack_stops_the_start(content: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("packs")
    (folder / "countries").mkdir()
    (folder / "countries" / "XX.toml").write_text(content)

    with pytest.raises(catalogue.BadPack):
        catalogue.read(folder)


def test_of_an_unknown_country_only_what_holds_for_everybody_is_known() -> None:
    found = PACKS.of("ZW", TODAY)

    assert (found.known, found.legalisation, found.police, found.chip) == (False, None, None, None)
    assert found.ages[Kind.POLICE].days_max == 180


def test_a_rule_is_in_force_from_its_day_to_the_day_before_its_end() -> None:
    days = [date(2023, 11, 6), date(2023, 11, 7)]
    regimes = [found.regime if (found := PACKS.of("CN", day).legalisation) else None for day in days]

    assert regimes == [Regime.CONSULAR, Regime.APOSTILLE]
    assert PACKS.of("DE", date(1999, 1, 1)).legalisation is None


@pytest.mark.parametrize("pack", PACKS.packs.values(), ids=list(PACKS.packs))
def test_every_code_in_a_zone_is_one_that_documents_carry(pack: Pack) -> None:
    for zone in pack.zone:
        assert all(states.known(code.rstrip("<")) for code in zone.codes)


def test_germany_writes_one_letter_and_kosovo_is_ks_on_chips() -> None:
    germany, kosovo = PACKS.of("DE", TODAY).zone, PACKS.of("XK", TODAY).zone
    assert germany is not None
    assert kosovo is not None

    assert rule.stands_for(germany, "D<<") == "DE"
    assert rule.stands_for(germany, "DEU") is None
    assert rule.stands_for(kosovo, "RKS") == "KS"


@pytest.mark.nightly
def test_the_master_lists_name_the_authorities_that_packs_say_they_do() -> None:
    folder = reference.folder() / "emrtd"
    named = {}
    for name, file in (("DE", "DE_ML_2026-05-28.ml"), ("NL", "NL_ML_2026-07-22.ml")):
        certificates = masterlist.read((folder / file).read_bytes()).certificates
        named[name] = {each.country.upper() for each in certificates if each.country}
    for pack in PACKS.packs.values():
        zone, chip = pack.zone[0], PACKS.of(pack.country, TODAY).chip
        assert chip is not None, pack.country
        country = states.letters(zone.codes[0].rstrip("<"))
        assert set(chip.lists) == {name for name, countries in named.items() if country in countries}, pack.country
    assert PACKS.of("KZ", TODAY).chip.lists == ("NL",)  # type: ignore[union-attr]  # just looked at


@pytest.mark.parametrize(
    ("nationalities", "given", "missing"),
    [(("DE", "TR"), ("DE",), ("TR",)), (("DE", "TR"), ("TR", "DE"), ()), (("DE",), (), ("DE",))],
)
def test_who_has_two_nationalities_brings_a_certificate_from_both(
    nationalities: tuple[str, ...], given: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    record = PACKS.of("DE", TODAY).criminal_record
    assert record is not None

    assert rule.lacking(record, nationalities, given) == missing
