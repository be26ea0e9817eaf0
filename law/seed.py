"""The thresholds this house was built with, as known in November 2026. A changed law is a new row, never an edit."""

from datetime import date

from law.threshold import Rule, Thresholds, Unit

# No decision of this house is older. Rows whose source gives no starting day begin here and say so.
FIRST_DAY = date(2025, 1, 1)
_UNDATED = "the source gives no starting day; the row begins with the first day this house decides for"

DECREE = "Decree of the President No. 1242 of 25 April 2026"
_SIGNED = date(2026, 4, 25)
_REFORM_BY = date(2026, 12, 31)

_PAYMENTS_LAW = "Law on Payments and Payment Systems, art. 42"
_UNIDENTIFIED = "National Bank rules for unidentified e-money holders, beeline.kz 190226, 18 Feb 2026"
_CARDS_2025 = (
    "National Bank, cards of non-residents, in force 19 Jan 2025; interfax.com 109115, alumnipartners.ru 21 Jan 2025"
)
_INSURANCE = "Deposit Insurance Fund limits since 11 Jan 2022, eubank.kz and vtb-bank.kz information pages"
_MONITORING = "Law 191-IV on countering money laundering, art. 4"
_PROCEDURE = "Administrative Procedural Code, art. 76"
_TAX_RESIDENCY = "AIFC Investment Tax Residency Programme, itrp.aifc.kz FAQ"


def _law(
    name: str, value: int, unit: Unit, since: date, source: str, *, until: date | None = None, note: str = ""
) -> Rule:
    return Rule(name=name, value=value, unit=unit, source=source, in_force_on=since, repealed_on=until, note=note)


def _decreed(name: str, value: int, unit: Unit, clause: str, *, by: date | None = _REFORM_BY) -> Rule:
    return Rule(
        name=name,
        value=value,
        unit=unit,
        source=DECREE,
        announced_on=_SIGNED,
        expected_by=by,
        clause=clause,
    )


def _drafted(name: str, value: int, unit: Unit) -> Rule:
    return Rule(
        name=name,
        value=value,
        unit=unit,
        source="National Bank draft of 28 Mar 2025, astanatimes.com April 2025",
        announced_on=date(2025, 3, 28),
        note="adoption was never confirmed",
    )


_UNITS = (
    _law(
        "mci", 3_932_00, Unit.MINOR, date(2025, 1, 1), "Law on the Republican Budget 2025-2027", until=date(2026, 1, 1)
    ),
    _law("mci", 4_325_00, Unit.MINOR, date(2026, 1, 1), "Law on the Republican Budget 2026-2028"),
)

_E_MONEY = (
    _law("emoney.unidentified.operation_max", 3, Unit.MCI, date(2026, 3, 18), _UNIDENTIFIED),
    _law("emoney.unidentified.balance_max", 3, Unit.MCI, date(2026, 3, 18), _UNIDENTIFIED),
    _law("emoney.unidentified.day_max", 3, Unit.MCI, date(2026, 3, 18), _UNIDENTIFIED),
    _law("emoney.identify_above", 50, Unit.MCI, FIRST_DAY, _PAYMENTS_LAW, note=_UNDATED),
)

_CARDS = (
    _law("card.nonresident.validity_months_max", 12, Unit.MONTHS, date(2025, 1, 19), _CARDS_2025),
    _law(
        "card.per_bank_risk_sign_above", 10, Unit.COUNT, FIRST_DAY, _CARDS_2025, until=date(2025, 1, 19), note=_UNDATED
    ),
    _law("card.per_bank_risk_sign_above", 5, Unit.COUNT, date(2025, 1, 19), _CARDS_2025),
    _drafted("card.nonresident.active_max", 1, Unit.COUNT),
    _drafted("card.nonresident.reverify_days_max", 30, Unit.DAYS),
    _drafted("card.nonresident.in_person_only", 1, Unit.SWITCH),
)

_DEPOSITS = (
    _law("deposit.insured.total_max", 20_000_000_00, Unit.MINOR, date(2022, 1, 11), _INSURANCE),
    _law("deposit.insured.savings_kzt_max", 20_000_000_00, Unit.MINOR, date(2022, 1, 11), _INSURANCE),
    _law("deposit.insured.other_kzt_max", 10_000_000_00, Unit.MINOR, date(2022, 1, 11), _INSURANCE),
    _law("deposit.insured.foreign_max", 5_000_000_00, Unit.MINOR, date(2022, 1, 11), _INSURANCE),
)

_FINANCIAL_MONITORING = (
    _law("monitoring.offshore_from", 5_000_000_00, Unit.MINOR, FIRST_DAY, _MONITORING, note=_UNDATED),
    _law("monitoring.anonymous_abroad_from", 5_000_000_00, Unit.MINOR, FIRST_DAY, _MONITORING, note=_UNDATED),
    _law("monitoring.record_years_min", 5, Unit.YEARS, FIRST_DAY, "Law 191-IV, retention of records", note=_UNDATED),
)

_CASES = (
    _law("case.decision_days_max", 15, Unit.WORKING_DAYS, FIRST_DAY, _PROCEDURE, note=_UNDATED),
    _law("case.extension_months_max", 2, Unit.MONTHS, FIRST_DAY, _PROCEDURE, note=_UNDATED),
    _law("case.extension_notice_days_max", 3, Unit.WORKING_DAYS, FIRST_DAY, _PROCEDURE, note=_UNDATED),
    _law("case.forward_days_max", 3, Unit.WORKING_DAYS, FIRST_DAY, _PROCEDURE, note=_UNDATED),
    _law(
        "document.police_certificate_days_max",
        180,
        Unit.DAYS,
        FIRST_DAY,
        "Digital Nomad Residency practice, dos-immigration.kz, late 2025",
        note=_UNDATED,
    ),
)

# D2.2: months a holder of the class waits before the Altyn visa. D2.3, D2.6 to D2.10: rights that don't bind yet.
_ALTYN = (
    _decreed("altyn.wait_months.tax_resident", 0, Unit.MONTHS, "D2.2-a"),
    _decreed("altyn.wait_months.business", 1, Unit.MONTHS, "D2.2-b"),
    _decreed("altyn.wait_months.skilled_worker", 6, Unit.MONTHS, "D2.2-c"),
    _decreed("altyn.wait_months.it_specialist", 1, Unit.MONTHS, "D2.2-d"),
    _decreed("altyn.wait_months.temporary_worker", 12, Unit.MONTHS, "D2.2-e"),
    _decreed("altyn.tax_exemption", 1, Unit.SWITCH, "D2.3-a"),
    _decreed("altyn.declaration_exemption", 1, Unit.SWITCH, "D2.3-b"),
    _decreed("altyn.equal_access", 1, Unit.SWITCH, "D2.3-c"),
    _decreed("altyn.work_without_permit", 1, Unit.SWITCH, "D2.3-d"),
    _decreed("altyn.family_preferences", 1, Unit.SWITCH, "D2.3-e"),
    _decreed("altyn.resident_id", 1, Unit.SWITCH, "D2.6"),
    _decreed("diploma.automatic_recognition", 1, Unit.SWITCH, "D2.7"),
    _decreed("licence.simplified_admission", 1, Unit.SWITCH, "D2.8"),
    _decreed("import.duty_free", 1, Unit.SWITCH, "D2.9"),
    _decreed("social.package", 1, Unit.SWITCH, "D2.10"),
)

_TAX = (
    _law("tax.aifc.presence_days_min", 90, Unit.DAYS, FIRST_DAY, _TAX_RESIDENCY, note=_UNDATED),
    _decreed("tax.aifc.presence_days_min", 30, Unit.DAYS, "D3.3-b1"),
    _law("tax.aifc.certificate_fee", 7_000, Unit.MCI, FIRST_DAY, _TAX_RESIDENCY, note=_UNDATED),
    _decreed("tax.aifc.certificate_fee", 0, Unit.MCI, "D3.3-b2"),
    _law("tax.aifc.investment_min", 60_000_00, Unit.USD_MINOR, FIRST_DAY, _TAX_RESIDENCY, note=_UNDATED),
)

_REGIME = (_decreed("operator.first_category_licence", 1, Unit.SWITCH, "D4.2-b", by=None),)

THRESHOLDS = Thresholds(
    _UNITS + _E_MONEY + _CARDS + _DEPOSITS + _FINANCIAL_MONITORING + _CASES + _ALTYN + _TAX + _REGIME
)
