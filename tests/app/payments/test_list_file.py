"""Files of payments: what is read, and what is wrong with each line that is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.payments import list_file
from app.payments.list_file import Format, Invalid
from wallet import address

IBAN = address.compose("999", "0000000000001")
_NS = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"


def payment(amount: str = "1500.00", reference: str = "E-1", currency: str = "KZT") -> str:
    return f"""
      <CdtTrfTxInf>
        <PmtId><EndToEndId>{reference}</EndToEndId></PmtId>
        <Amt><InstdAmt Ccy="{currency}">{amount}</InstdAmt></Amt>
        <CdtrAcct><Id><IBAN>{IBAN}</IBAN></Id></CdtrAcct>
      </CdtTrfTxInf>"""


def pain(*payments: str, count: int | None = None, total: str = "", before: str = "") -> str:
    told = len(payments) if count is None else count
    sum_ = f"<CtrlSum>{total}</CtrlSum>" if total else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>{before}
<Document xmlns="{_NS}">
  <CstmrCdtTrfInitn>
    <GrpHdr><MsgId>M-1</MsgId><NbOfTxs>{told}</NbOfTxs>{sum_}</GrpHdr>
    <PmtInf><PmtInfId>P-1</PmtInfId><PmtMtd>TRF</PmtMtd>{"".join(payments)}
    </PmtInf>
  </CstmrCdtTrfInitn>
</Document>"""


def faults(format_: Format, content: str) -> list[str]:
    with pytest.raises(Invalid) as found:
        list_file.read(format_, content)
    return [each.reason for each in found.value.faults]


def test_a_csv_is_read_as_spreadsheets_write_it() -> None:
    content = f'\ufeffTo,Amount,Reference\r\n{IBAN},1500.50,"Salary, May"\r\n\r\n{IBAN.lower()},7,\r\n'

    lines = list_file.read(Format.CSV, content)

    assert [(each.to, each.minor, each.reference) for each in lines] == [
        (IBAN, 1500_50, "Salary, May"),
        (IBAN.lower(), 7_00, ""),
    ]
    assert lines[1].fault("x").reason == "line 4: x"


def test_a_pain_001_is_read() -> None:
    lines = list_file.read(Format.PAIN, pain(payment(), payment("0.01", "E-2"), total="1500.01"))

    assert [(each.to, each.minor, each.reference) for each in lines] == [(IBAN, 1500_00, "E-1"), (IBAN, 1, "E-2")]


def test_all_faults_of_a_csv_are_told_with_their_lines() -> None:
    content = f"to,amount,reference\n{IBAN},1.005,\n{IBAN},1\n{IBAN},1,{'x' * 36}\n{IBAN},-,\n{IBAN},1e3,\n"

    assert faults(Format.CSV, content) == [
        "line 2: the amount can't be read",
        "line 3: has 2 fields, not 3",
        "line 4: the reference is longer than 35 characters or unprintable",
        "line 5: the amount can't be read",
        "line 6: the amount can't be read",
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "line 1: the first line is not to,amount,reference"),
        ("iban,amount\n", "line 1: the first line is not to,amount,reference"),
        ("to,amount,reference\n", "no payments"),
        (f'to,amount,reference\n{IBAN},1,"open\n', "line 2: unexpected end of data"),
        ("to,amount,reference\n" + f"{IBAN},1,\n" * 10_001, "more than 10000 payments"),
    ],
)
def test_a_csv_that_is_none_is_refused(content: str, reason: str) -> None:
    assert faults(Format.CSV, content) == [reason]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "line 1: is not well-formed XML"),
        ("<a/>", "line 1: is no pain.001.001.09"),
        (pain(payment()).replace("001.09", "001.03"), "line 1: is no pain.001.001.09"),
        (pain(payment(), before='<!DOCTYPE Document [<!ENTITY a "1">]>'), "line 1: a document type is not allowed"),
        (pain(payment(), count=2), "line 4: NbOfTxs is not 1"),
        (pain(payment(), total="1500.01"), "line 4: CtrlSum is not the sum of the payments"),
        (pain(payment(currency="EUR")), "line 6: InstdAmt is not in KZT"),
        (pain(payment("1,5")), "line 6: the amount can't be read"),
        (pain(), "no payments"),
    ],
)
def test_a_pain_001_that_is_wrong_is_refused(content: str, reason: str) -> None:
    assert faults(Format.PAIN, content) == [reason]


def test_an_entity_is_never_expanded() -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(9))
    bomb = pain(payment(reference="&l8;"), before=f"<!DOCTYPE Document [{entities}]>")
    file = pain(payment(reference="&f;"), before='<!DOCTYPE Document [<!ENTITY f SYSTEM "file:///etc/passwd">]>')

    for content in (bomb, file):
        assert faults(Format.PAIN, content)[0] in {
            "line 1: a document type is not allowed",
            "line 1: is not well-formed XML",
        }


@given(st.sampled_from(Format), st.text(max_size=400))
def test_any_text_is_payments_or_faults(format_: Format, text: str) -> None:
    for content in (text, f"to,amount,reference\n{text}", pain(text)):
        assert read_or_refused(format_, content)


def read_or_refused(format_: Format, content: str) -> object:
    try:
        return list_file.read(format_, content)
    except Invalid as invalid:
        return invalid.faults
