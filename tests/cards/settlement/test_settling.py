"""Settlement files on the real database: what agrees, what does not, what it comes to, and who says so."""

import asyncio
import contextlib
import hashlib
import random
from collections import Counter

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from app import db
from app.cards import settlement_folder, settling
from app.money import FIRST_LANE
from cards.settlement import matching, report, taking
from cards.settlement.breaks import Break, Kind, Resolution
from cards.settlement.record import Reading
from proof import canonical
from simulators.settlement_file import PLANTS, Line, planted
from tests.cards import made
from tests.cards.settlement.files import Network
from tests.planted import planted as copied
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio

#: What a planted break is found as.
FOUND_AS = {
    "amount": Kind.AMOUNT_DIFFERS,
    "currency": Kind.CURRENCY_DIFFERS,
    "duplicate": Kind.DUPLICATE,
    "extra": Kind.MISSING_AT_US,
    "absent": Kind.MISSING_AT_NETWORK,
}


async def test_a_file_that_agrees_leaves_nothing_on_the_clearing_account(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    lines = [*await network.clears(card, 300, 200), *await network.refunds(card, 50)]
    assert await network.balance("card_clearing") == 450_00

    assert await network.takes(lines) == []

    net = 450_00 - 500 + 30
    assert await network.states() == ["reported"]
    assert await network.balance("card_clearing") == 0
    assert await network.balance("card_settlement") == net
    assert await network.balance("scheme_fees") == -30


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(2, 60))])
async def test_every_planted_break_is_found_and_none_invented(network: Network, seed: int) -> None:
    chance = random.Random(f"plants/{seed}")
    card = await made.spender(network.engines, network.house.money, 50_000)
    lines = await network.clears(card, *(chance.randint(1, 500) for _ in range(12)))
    lines += await network.refunds(card, *(chance.randint(1, 50) for _ in range(3)))
    plants = [plant for plant in PLANTS for _ in range(chance.randint(0, 2))]
    written, told = planted(lines, plants, seed)

    found = await network.takes(written)

    assert Counter(each.kind for each in found) == Counter(FOUND_AS[plant] for plant, _ in told)
    await adds_up(network)


#: A check of the comparison, and what stands in its place in a copy.
DEFECTS = {
    "amounts": ("WHEN told.amount_minor NOT IN (ours.amount_minor, ours.net_minor) THEN 'amount_differs'", ""),
    "currencies": ("WHEN ours.currency <> told.currency THEN 'currency_differs'", ""),
    "duplicates": ("CASE WHEN told.again THEN 'duplicate'", "CASE WHEN false THEN 'duplicate'"),
    "what is absent": ("AND element.source IS NOT NULL AND element.at < :cutoff", "AND false"),
    "what settled before": (
        "match.payment = payment.id AND match.element = element.number AND match.outcome",
        "match.outcome",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
async def test_a_comparison_that_does_not_look_is_caught(
    network: Network, monkeypatch: pytest.MonkeyPatch, defect: tuple[str, str]
) -> None:
    card = await made.spender(network.engines, network.house.money, 50_000)
    lines = await network.clears(card, *range(101, 113))
    written, told = planted(lines, PLANTS, 1)
    monkeypatch.setattr(settling, "matching", copied(matching, *defect))

    found: list[Break] = []
    with contextlib.suppress(IntegrityError):  # what the database itself refuses is caught as well
        found = await network.takes(written)

    assert Counter(each.kind for each in found) != Counter(FOUND_AS[plant] for plant, _ in told)


async def adds_up(network: Network) -> None:
    """Check that what is left on the clearing account is the breaks, and nothing else."""
    left = -sum(each.difference_minor for each in await network.breaks() if each.resolution is None)
    assert await network.balance("card_clearing") == left


async def test_what_we_never_heard_of_is_booked_on_the_card_it_names(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    digits = await network.number(card)
    unheard = Line(lifecycle="X-1", element="unheard", pan=digits, amount_minor=70_00, interchange_minor=70)

    [found] = await network.takes([unheard])

    assert (found.kind, found.resolution, found.resolved_by) == (Kind.MISSING_AT_US, Resolution.BOOKED, "system")
    assert await made.balance(network.engines, card) == (kzt(930), kzt(0))
    assert await network.balance("card_clearing") == 0


async def test_what_nobodys_card_paid_waits_in_suspense(network: Network) -> None:
    before = await made.operator(network.engines, "suspense")

    [found] = await network.takes([Line(lifecycle="X-1", element="unheard", amount_minor=70_00)])

    assert found.resolution is Resolution.BOOKED
    assert await made.operator(network.engines, "suspense") == before - kzt(70)


async def test_a_later_file_that_has_what_was_missing_resolves_it(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    lines = await network.clears(card, 300, 200)
    [absent] = await network.takes(lines[:1])
    assert (absent.kind, absent.difference_minor, absent.resolution) == (Kind.MISSING_AT_NETWORK, -200_00, None)

    [arrived] = await network.takes(lines[1:])

    assert arrived.resolution is Resolution.ARRIVED
    assert await network.balance("card_clearing") == 0


async def test_a_record_of_an_earlier_file_is_a_duplicate(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    lines = await network.clears(card, 300)
    await network.takes(lines)

    [twice] = await network.takes(lines)

    assert (twice.kind, twice.difference_minor) == (Kind.DUPLICATE, 300_00)
    await adds_up(network)


async def test_the_same_file_again_changes_nothing(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    path = network.put(await network.clears(card, 300))
    content = path.read_bytes()
    await network.works()
    settled = await network.balance("card_settlement")

    for name in ("again", "once-more"):
        network.write(content, name)
        await network.works()

    assert await network.states() == ["reported"]
    assert await network.balance("card_settlement") == settled
    assert await network.refused() == []
    assert sorted(each.name for each in (network.folder / settlement_folder.TAKEN).iterdir()) == [
        "000001.settlement",
        "again.settlement",
        "once-more.settlement",
    ]


async def test_another_file_in_the_place_of_one_that_was_taken_is_refused(network: Network) -> None:
    await network.takes([])
    network.put([Line(lifecycle="X-1", element="other", amount_minor=1)], sequence=1)

    await network.works()

    assert await network.refused() == [(None, "sequence_taken")]
    assert await network.states() == ["reported"]


async def test_a_file_before_its_turn_waits_for_its_turn_and_says_so_once(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    first, second = await network.clears(card, 300, 200)
    network.put([second], sequence=2)
    await network.works()
    await network.works()
    assert (await network.states(), await network.refused()) == ([], [(None, "sequence_gap")])

    network.put([first], sequence=1)
    await network.works()

    assert await network.states() == ["reported", "reported"]
    assert await network.balance("card_clearing") == 0


async def test_two_workers_take_a_file_once(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    unheard = Line(lifecycle="X-1", element="unheard", pan=await network.number(card), amount_minor=70_00)
    path = network.put([*await network.clears(card, 300), unheard])

    await asyncio.gather(*(settling.take(network.house, path) for _ in range(3)), return_exceptions=True)
    await network.works()

    assert await network.states() == ["reported"]
    assert await network.balance("card_clearing") == 0
    assert await made.balance(network.engines, card) == (kzt(630), kzt(0))


async def test_a_worker_that_died_behind_the_file_is_followed_by_one_that_goes_on(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    unheard = Line(lifecycle="X-1", element="unheard", pan=await network.number(card), amount_minor=70_00)
    path = network.put([unheard])
    with path.open("rb") as stream:
        await settling._taken(network.house, Reading(settlement_folder.lines(stream)), path)  # noqa: SLF001  all it did

    await network.works()

    assert await network.states() == ["reported"]
    assert await made.balance(network.engines, card) == (kzt(930), kzt(0))


@pytest.mark.parametrize("how", ["nobody", "another key", "another digest"])
async def test_a_file_that_the_network_did_not_sign_is_refused(network: Network, how: str) -> None:
    body, _, trailer = network.put([Line(lifecycle="X-1", element="a", amount_minor=1)]).read_bytes().rpartition(b"T\t")
    fields = trailer.split(b"\t")
    spoilt = {
        "nobody": [*fields[:-1], b"AAAA\n"],
        "another key": [*fields[:-2], b"unknown-key", fields[-1]],
        "another digest": [*fields[:-1], bytes(reversed(fields[-1].strip())) + b"\n"],
    }[how]
    network.write(body + b"T\t" + b"\t".join(spoilt), "000001")

    await network.works()

    assert [why for _, why in await network.refused()][-1] in {"not_signed", "signature"}
    assert await network.states() == []


async def test_the_report_made_again_later_is_the_same_to_the_byte(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    lines = await network.clears(card, 300, 200)
    await network.takes([msgspec.structs.replace(lines[0], amount_minor=301_00)])
    first = await again(network)

    await network.takes(lines[1:])
    await network.takes(await network.clears(card, 1))

    assert await again(network) == first
    [kept] = await network.rows(
        "SELECT report.sha256 FROM cards.settlement_report AS report JOIN cards.settlement_file AS file"
        " ON file.id = report.file WHERE file.network = :network AND file.sequence = 1"
    )
    assert kept.sha256 == first
    assert [each.resolution for each in await network.breaks()] == [None, Resolution.ARRIVED]


async def again(network: Network) -> bytes:
    """Make the report of the first file once more; gives its hash."""
    async with db.transaction(network.house.worker) as story:
        file = await taking.named(await story(), network.name, 1)
        told = await report.made(await story(), file, first_lane=FIRST_LANE)
    return hashlib.sha256(canonical.dumps({"iss": network.house.settings.issuer, **told})).digest()


async def test_what_is_shown_of_a_file_never_names_a_card(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    digits = await network.number(card)
    await network.takes([Line(lifecycle="X-1", element="unheard", pan=digits, amount_minor=70_00)])

    for table in ("record", "match", "break", "report", "file"):
        for row in await network.rows(f"SELECT to_jsonb(told)::text AS told FROM cards.settlement_{table} AS told"):  # noqa: S608  names above
            assert digits not in row.told
