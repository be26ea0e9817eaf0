"""The leaf of a transfer: the chain's own encoding, written faster."""

from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from proof import chain
from wallet import leaf

bigints = st.integers(-(2**63), 2**63 - 1)
instants = st.datetimes(timezones=st.just(UTC))
rows = st.builds(
    leaf.Row,
    lane=st.integers(1, 2**31 - 1),
    seq=bigints,
    id=st.uuids(),
    kind=st.text(max_size=10),
    debit=st.uuids(),
    credit=st.uuids(),
    amount=bigints,
    held=bigints,
    currency=st.text(max_size=3),
    of=st.none() | st.uuids(),
    linked=st.none() | st.uuids(),
    debit_version=bigints,
    credit_version=bigints,
    debit_posted=bigints,
    credit_posted=bigints,
    debit_hold_out=bigints,
    credit_hold_in=bigints,
    at=instants,
    effective=instants,
    code=st.text(max_size=64),
    reference=st.text(max_size=64),
)
TOTALS = ("debit_version", "credit_version", "debit_posted", "credit_posted", "debit_hold_out", "credit_hold_in")


@given(rows)
def test_a_leaf_is_every_field_but_the_running_totals_as_the_chain_encodes_them(row: leaf.Row) -> None:
    told = [value for name, value in row._asdict().items() if name not in TOTALS]

    assert leaf.of(row) == chain.encode(*told)
