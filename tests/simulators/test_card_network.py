"""The simulated card network: what it sends, how its faults repeat, what it remembers."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from app.auth import jose, message_signature
from app.auth.message_signature import Answer, Request
from app.partners import webhook
from proof.signer import FileSigner
from simulators import iso8583, message_signatures
from simulators.card_network import Network
from simulators.faults import Faults
from simulators.iso8583 import Line
from simulators.iso_issuer import IsoIssuer
from simulators.purchase import ISSUER_UNAVAILABLE, Purchase, Step, Swipe
from simulators.signed_issuer import SignedIssuer

pytestmark = pytest.mark.asyncio
COFFEE = Swipe(pan="9398010000000000", expiry="2027-10", amount_minor=1_500_00, merchant="Dostyk Books")
NAMED = msgspec.structs.replace(COFFEE, purchase_id="P-1")
AT_ONCE = (0.0, 0.0, 0.0)
TRIES = len(AT_ONCE)
YES = {"authorization_id": "payment_1", "approved": True, "code": "00", "reason": None}


class Issuer(httpx.AsyncBaseTransport):
    """Answers every message alike and keeps what it was sent."""

    def __init__(self) -> None:
        self.sent: list[httpx.Request] = []
        self.key = FileSigner(ed25519.Ed25519PrivateKey.generate())
        self._silent = 0

    def fall_silent(self, *, times: int) -> None:
        """Let the next messages fall."""
        self._silent = times

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == message_signatures.DIRECTORY:
            return httpx.Response(200, json={"keys": [self.key.public_jwk]})
        self.sent.append(request)
        if self._silent:
            self._silent -= 1
            raise httpx.ConnectError("away")
        answer = httpx.Response(200, json=YES)
        told = Answer(200, [("content-type", answer.headers["content-type"])], as_signed(request))
        answer.headers.update(message_signature.sign_answer(self.key, told, answer.content, datetime.now(UTC)))
        return answer

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self, base_url="http://issuer")


def signed(issuer: Issuer, folder: Path) -> SignedIssuer:
    """Tell an issuer by signed requests."""
    return SignedIssuer("mspk", issuer.client(), folder)


def as_signed(request: httpx.Request) -> Request:
    """Read a request as its parts are signed."""
    return Request(request.method, str(request.url), [(n.lower(), v) for n, v in request.headers.multi_items()])


async def test_every_message_is_signed_over_the_bytes_that_travel(tmp_path: Path) -> None:
    issuer = Issuer()
    told_by = signed(issuer, tmp_path)
    network = Network(told_by, tmp_path, pauses_s=AT_ONCE)

    bought = await network.swipe(COFFEE)
    await network.clear(bought, Step(amount_minor=1_000_00, final=False))
    await network.reverse(bought, Step(amount_minor=500_00))

    jwk = jose.Jwk(kty="OKP", crv="Ed25519", x=jose.b64(webhook.public_key(told_by.public_key).key))
    key = jose.key_of(jwk)
    for sent in issuer.sent:
        message_signature.read_request(as_signed(sent), sent.content, datetime.now(UTC)).believe({key.thumbprint: key})
    named = [msgspec.json.decode(sent.content) for sent in issuer.sent]
    assert [(told["lifecycle_id"], told["element_id"]) for told in named] == [
        (bought.id, element) for element in ("authorization-1", "clearing-1", "reversal-1")
    ]
    assert [sent.url.path for sent in issuer.sent] == [
        f"/v1/networks/mspk/{kind}" for kind in ("authorizations", "clearings", "reversals")
    ]
    asked = [msgspec.json.decode(sent.content)["amount"]["amount_minor"] for sent in issuer.sent]
    assert asked == [1_500_00, 1_000_00, 500_00]


async def faults(folder: Path, seed: int) -> list[int]:
    """Count how often each of twenty messages travelled."""
    issuer = Issuer()
    network = Network(signed(issuer, folder), folder, faults=Faults(seed=seed, duplicate=0.3, lost_answer=0.3))
    bought = [await network.swipe(COFFEE) for _ in range(20)]
    times = Counter(msgspec.json.decode(sent.content)["lifecycle_id"] for sent in issuer.sent)
    return [times[purchase.id] for purchase in bought]


async def test_the_same_seed_makes_the_same_faults(tmp_path: Path) -> None:
    seven, again, eight = [await faults(tmp_path, seed) for seed in (7, 7, 8)]

    assert set(seven) > {1, 2}
    assert seven == again
    assert seven != eight


async def test_an_issuer_that_comes_back_is_asked_again_with_the_same_message(tmp_path: Path) -> None:
    issuer = Issuer()
    issuer.fall_silent(times=2)

    bought = await Network(signed(issuer, tmp_path), tmp_path, pauses_s=AT_ONCE).swipe(COFFEE)

    assert bought.heard[-1].approved
    assert len({sent.content for sent in issuer.sent}) == 1
    assert len({sent.headers["signature"] for sent in issuer.sent}) == TRIES


async def test_a_clearing_nobody_answered_is_the_same_clearing_again(tmp_path: Path) -> None:
    issuer = Issuer()
    network = Network(signed(issuer, tmp_path), tmp_path, pauses_s=AT_ONCE)
    bought = await network.swipe(COFFEE)
    issuer.fall_silent(times=TRIES)

    await network.clear(bought, Step())
    assert bought.heard[-1].code == ISSUER_UNAVAILABLE
    await network.clear(bought, Step())

    assert [heard.element for heard in bought.heard] == ["authorization-1", "clearing-1"]
    assert bought.heard[-1].approved


async def test_a_purchase_given_up_for_want_of_an_answer_is_taken_back_first(tmp_path: Path) -> None:
    issuer = Issuer()
    network = Network(signed(issuer, tmp_path), tmp_path, pauses_s=AT_ONCE)
    issuer.fall_silent(times=TRIES)
    left = await network.swipe(COFFEE)

    await network.swipe(COFFEE)

    assert [heard.element for heard in left.heard] == ["authorization-1", "reversal-1"]
    assert [sent.url.path.rpartition("/")[2] for sent in issuer.sent[TRIES:]] == ["reversals", "authorizations"]


async def test_a_network_that_starts_again_knows_its_purchases_and_its_key(tmp_path: Path) -> None:
    before = Network(signed(Issuer(), tmp_path), tmp_path)
    bought = await before.clear(await before.swipe(COFFEE), Step())

    after = Network(signed(Issuer(), tmp_path), tmp_path)

    assert after.purchase(bought.id) == bought
    assert signed(Issuer(), tmp_path).public_key == signed(Issuer(), tmp_path).public_key


def elements(issuer: Issuer) -> list[str]:
    """Name the messages the issuer was sent."""
    told = [msgspec.json.decode(sent.content) for sent in issuer.sent]
    return [f"{each['lifecycle_id']}-{each['element_id']}" for each in told]


class Killed(BaseException):
    """The process ends while the issuer is being asked."""


async def killed_while_it_asks(folder: Path) -> None:
    """Be a network that is killed after the message left and before the answer came."""

    def die(_: httpx.Request) -> httpx.Response:
        raise Killed

    issuer = httpx.AsyncClient(transport=httpx.MockTransport(die), base_url="http://issuer")
    with pytest.raises(Killed):
        await Network(SignedIssuer("mspk", issuer, folder), folder, pauses_s=AT_ONCE).swipe(NAMED)


async def test_a_network_that_is_killed_while_it_asks_asks_the_same_when_the_shop_comes_again(tmp_path: Path) -> None:
    await killed_while_it_asks(tmp_path)
    issuer = Issuer()

    bought = await Network(signed(issuer, tmp_path), tmp_path, pauses_s=AT_ONCE).swipe(NAMED)

    assert bought.heard[-1].approved
    assert elements(issuer) == ["P-1-authorization-1"]


async def test_a_network_that_is_killed_while_it_asks_takes_that_back_before_another_purchase(tmp_path: Path) -> None:
    await killed_while_it_asks(tmp_path)
    issuer = Issuer()
    another = msgspec.structs.replace(COFFEE, purchase_id="P-2")

    await Network(signed(issuer, tmp_path), tmp_path, pauses_s=AT_ONCE).swipe(another)

    assert elements(issuer) == ["P-1-reversal-1", "P-2-authorization-1"]


async def test_a_shop_that_lost_the_answer_hears_it_again(tmp_path: Path) -> None:
    issuer = Issuer()
    network = Network(signed(issuer, tmp_path), tmp_path, pauses_s=AT_ONCE)
    first = await network.swipe(NAMED)

    assert await network.swipe(NAMED) == first
    assert len(issuer.sent) == 1


async def test_a_decision_that_the_issuer_did_not_sign_is_none(tmp_path: Path) -> None:
    class Forger(Issuer):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await super().handle_async_request(request)
            if request.url.path != message_signatures.DIRECTORY:
                answer.headers["signature-input"] = answer.headers["signature-input"].replace("created=1", "created=2")
            return answer

    bought = await Network(signed(Forger(), tmp_path), tmp_path, pauses_s=AT_ONCE).swipe(COFFEE)

    assert (bought.heard[-1].approved, bought.heard[-1].code) == (False, ISSUER_UNAVAILABLE)


class Switch:
    """An issuer at the end of a line, which loses the answers it is told to lose."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, iso8583.Fields]] = []
        self.loses = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int.from_bytes(await reader.readexactly(2))
                mti, fields = iso8583.decode(await reader.readexactly(size))
                if mti != "0800":
                    self.heard.append((mti, fields))
                    if self.loses:
                        self.loses -= 1
                        break
                told: iso8583.Fields = {number: fields[number] for number in (7, 11, 37, 70) if number in fields}
                writer.write(iso8583.framed(iso8583.encode(iso8583.ANSWERS[mti], {**told, 39: "00", 38: "123456"})))
        writer.close()


@contextlib.asynccontextmanager
async def over_a_line(folder: Path) -> AsyncIterator[tuple[Network, Switch]]:
    """Give a network that has a line to an issuer."""
    switch = Switch()
    server = await asyncio.start_server(switch.serve, "127.0.0.1", 0)
    line = Line("127.0.0.1", server.sockets[0].getsockname()[1], within_s=5.0)
    async with server:
        yield Network(IsoIssuer(line), folder, pauses_s=AT_ONCE), switch
        await line.close()


async def test_over_a_line_each_kind_of_message_has_its_type_and_a_purchase_one_name(tmp_path: Path) -> None:
    async with over_a_line(tmp_path) as (network, switch):
        bought = await network.swipe(COFFEE)
        await network.reverse(bought, Step(amount_minor=500_00))
        await network.clear(bought, Step(amount_minor=1_000_00, final=False))

    assert [mti for mti, _ in switch.heard] == ["0100", "0420", "0220"]
    assert len({fields[62] for _, fields in switch.heard}) == 1
    assert len({fields[11] for _, fields in switch.heard}) == 3
    assert switch.heard[1][1][95][:12] == f"{1_000_00:012}"
    assert switch.heard[1][1][90][:10] == "0100" + switch.heard[0][1][11]
    assert switch.heard[2][1][48] == "70040199"
    assert bought.heard[-1].authorization_id == "123456"


async def test_over_a_line_what_was_not_answered_is_repeated_as_what_it_is(tmp_path: Path) -> None:
    async with over_a_line(tmp_path) as (network, switch):
        switch.loses = 1
        bought = await network.swipe(NAMED)

    assert bought.heard[-1].approved
    assert [mti for mti, _ in switch.heard] == ["0100", "0101"]
    assert switch.heard[0][1] == switch.heard[1][1]


async def test_over_a_line_a_network_that_was_killed_repeats_the_same_telegram(tmp_path: Path) -> None:
    await killed_while_it_asks(tmp_path)
    async with over_a_line(tmp_path) as (network, switch):
        await network.swipe(NAMED)
        [(_, first)] = switch.heard
    async with over_a_line(tmp_path) as (network, switch):
        again: Purchase = network.purchase("P-1")
        again.heard.clear()
        await network.ask(again)

    assert switch.heard == [("0100", first)]
