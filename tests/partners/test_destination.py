"""Where a webhook may go: never into our own network, whatever the address pretends to be.

The table is tried three ways: registered, looked up and connected to, delivered to. Whoever gets through would meet a
listener of this machine, which counts. The policy is that of production; a demo's, which sends to this machine on
purpose, is the planted defect that the listener must notice.
"""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpcore
import httpx
import msgspec
import pytest
import pytest_asyncio

from app import clock, db, ids
from app.house import House
from app.partners import destination, line, outgoing, subscription
from app.partners.destination import Forbidden
from app.partners.outgoing import Delivery, Failed
from app.settings import Environment

pytestmark = pytest.mark.asyncio

#: Addresses of our own machine and network, and of machines that know secrets, in every spelling; `port` is filled in.
INSIDE = [
    "https://127.0.0.1:{port}/",
    "https://127.1:{port}/",
    "https://127.0.1:{port}/",
    "https://2130706433:{port}/",
    "https://017700000001:{port}/",
    "https://0x7f000001:{port}/",
    "https://0x7f.1:{port}/",
    "https://0177.0.0.1:{port}/",
    "https://127.0.0.1.:{port}/",
    "https://0:{port}/",
    "https://0.0.0.0:{port}/",
    "https://localhost:{port}/",
    "https://LOCALHOST.:{port}/",
    "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/",
    "https://127。0。0。1:{port}/",
    "https://①②⑦.⓪.⓪.①:{port}/",
    "https://[::1]:{port}/",
    "https://[::]:{port}/",
    "https://[0:0:0:0:0:0:0:1]:{port}/",
    "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/",
    "https://[::127.0.0.1]:{port}/",
    "https://[::ffff:0:127.0.0.1]:{port}/",
    "https://10.0.0.8/",
    "https://172.16.5.4/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.100.100.200/latest/meta-data/",
    "https://192.0.0.192/opc/v2/instance/",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://198.18.0.1/",
    "https://192.88.99.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://240.0.0.1/",
    "https://[fe80::1]/",
    "https://[fe80::1%25lo]/",
    "https://[fec0::1]/",
    "https://[fc00::1]/",
    "https://[ff02::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
]
#: What is refused for its form, before anything is looked up.
MISSHAPEN = [
    "http://example.org/",
    "https://example.org:8443/",
    "https://example.org:0/",
    "https://example.org:notaport/",
    "https://example.org:65536/",
    "https://user@example.org/",
    "https://user:word@example.org/",
    "https://example.org@127.0.0.1/",
    "https://example.org%40127.0.0.1:80/",
    "https://127.0.0.1\\@example.org/",
    "https://example.org\\@127.0.0.1/",
    "https://exa\tmple.org/",
    "https://example.org /",
    "https://example.org/\r\nHost: 127.0.0.1",
    "https://example.org/#part",
    "https://[::1/",
    "https://[example.org]/",
    "https:///path",
    "https:example.org",
    "file:///etc/passwd",
    "ftp://example.org/",
    "gopher://example.org/",
    "dict://127.0.0.1:11211/stat",
    "unix:///var/run/postgresql",
    "data:text/plain,a",
    "//example.org/",
    "example.org",
    "",
    f"https://{'a' * 64}.example/",
    "https://a..b/",
    "https://.example.org/",
]
PUBLIC = "93.184.215.14"


class Listener(msgspec.Struct):
    """Waits on every address of this machine and counts who comes."""

    port: int
    came: int = 0
    redirect: bytes = b""

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came += 1
        await reader.read(65_536)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + self.redirect + b"\r\nContent-Length: 0\r\n\r\n")
        writer.close()


@pytest_asyncio.fixture
async def listener() -> AsyncIterator[Listener]:
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listening:
        waiting = Listener(int(listening.getsockname()[1]))
        async with await asyncio.start_server(waiting.meet, sock=listening):
            yield waiting


def only_addresses(port: int) -> destination.Policy:
    """Give production's policy with the listener's port for its own, so that nothing but the address stands between."""
    return msgspec.structs.replace(destination.PRODUCTION, port=port)


async def asked(url: str, policy: destination.Policy) -> line.Answer:
    async with line.client(line.Checked(policy)) as http:
        return await line.ask(http, "POST", url.replace("https://", "http://"), within_s=2, headers={})


@pytest.mark.parametrize("url", INSIDE)
async def test_nothing_is_sent_into_our_own_network(listener: Listener, url: str) -> None:
    with pytest.raises(line.Unanswered, match=r"Forbidden: address|InvalidURL|gaierror"):
        await asked(url.replace("{port}", str(listener.port)), only_addresses(listener.port))

    assert listener.came == 0


async def test_a_policy_that_lets_loopback_in_is_noticed_by_the_listener(listener: Listener) -> None:
    """The planted defect: with it the spellings of this machine do arrive."""
    permissive = msgspec.structs.replace(destination.LOCAL, port=listener.port)
    came = {}
    for url in (
        "https://127.0.0.1:{port}/",
        "https://127.1:{port}/",
        "https://0x7f000001:{port}/",
        "https://[::1]:{port}/",
    ):
        before = listener.came
        await asked(url.format(port=listener.port), permissive)
        came[url] = listener.came - before

    assert set(came.values()) == {1}


@pytest.mark.parametrize("url", MISSHAPEN)
async def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(Forbidden):
        destination.check(url, local=False)


async def test_what_is_refused_is_not_registered(house: House) -> None:
    partner = ids.new()
    async with db.transaction(house.api) as story:
        connection = await story()
        for url in MISSHAPEN:
            with pytest.raises(Forbidden):
                await subscription.subscribe(
                    connection, partner, subscription=ids.new(), url=url, kinds=["a.b"], at=story.now, local=False
                )
        assert await subscription.of_partner(connection, partner) == []


async def test_a_delivery_of_production_reaches_none_of_them(house: House, listener: Listener) -> None:
    """However they came to be registered: the rows are as they were before their form was checked."""
    production = msgspec.structs.replace(house.settings, environment=Environment.PRODUCTION)
    async with line.opened(production) as http:
        real = msgspec.structs.replace(house, settings=production, http=http)
        for url in [*INSIDE, *MISSHAPEN]:
            result = await outgoing.attempt(real, delivery(url.replace("{port}", str(listener.port))))
            assert isinstance(result, Failed), url

    assert listener.came == 0


def delivery(url: str) -> Delivery:
    some = ids.new()
    return Delivery(
        id=some,
        subscription=some,
        sequence=1,
        url=url,
        attempts=1,
        leased_until=clock.real(),
        event_id=some,
        aggregate=some,
        version=1,
        position=1,
        kind="placement.booked",
        at=clock.real(),
        body={},
    )


class Wire(httpcore.AsyncNetworkBackend):
    """Notes where it is told to connect, and connects nowhere."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def connect_tcp(self, host: str, port: int, *_: object, **__: object) -> httpcore.AsyncNetworkStream:
        self.told.append(f"{host}:{port}")
        raise httpcore.ConnectError("connects nowhere")


async def connect(*answers: list[str], times: int = 1) -> tuple[list[str], int]:
    """Connect to a name whose look-ups are answered in turn; gives where to, and how often the name was looked up."""
    wire, left = Wire(), list(answers)

    async def look_up(host: str, port: int) -> list[str]:  # noqa: ARG001  a resolver's signature
        return left.pop(0)

    async with line.client(line.Checked(destination.PRODUCTION, look_up=look_up, beneath=wire)) as http:
        for _ in range(times):
            with pytest.raises(line.Unanswered):
                await line.ask(http, "POST", "https://rebinding.example/hook", within_s=2, headers={})
    return wire.told, len(answers) - len(left)


async def test_a_name_is_looked_up_once_and_it_is_that_address_we_connect_to() -> None:
    """Rebinding: public when it is checked, ours a moment later."""
    assert await connect([PUBLIC], ["127.0.0.1"]) == ([f"{PUBLIC}:443"], 1)


async def test_a_name_that_turns_inwards_later_is_refused_then() -> None:
    assert await connect([PUBLIC], ["127.0.0.1"], times=2) == ([f"{PUBLIC}:443"], 2)


@pytest.mark.parametrize("found", [[PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC], ["::1", PUBLIC], []])
async def test_a_name_with_one_address_of_ours_is_refused(found: list[str]) -> None:
    assert await connect(found) == ([], 1)


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    assert (await connect([PUBLIC, "93.184.215.15"]))[0] == [f"{PUBLIC}:443", "93.184.215.15:443"]


async def test_a_redirect_is_never_followed(listener: Listener) -> None:
    listener.redirect = f"http://127.0.0.1:{listener.port}/inside".encode()

    answer = await asked(f"https://127.0.0.1:{listener.port}/", destination.LOCAL)

    assert (answer.status, listener.came) == (302, 1)


async def test_a_place_the_operator_named_may_be_inside(listener: Listener) -> None:
    trusted = frozenset({("127.0.0.1", listener.port)})
    async with line.client(line.Checked(destination.PRODUCTION, trusted=trusted)) as http:
        own = await line.ask(http, "GET", f"http://127.0.0.1:{listener.port}/", within_s=2, headers={})
        with pytest.raises(line.Unanswered, match="Forbidden"):
            await line.ask(http, "GET", f"http://localhost:{listener.port}/", within_s=2, headers={})

    assert (own.status, listener.came) == (302, 1)


async def test_the_environment_names_no_proxy_for_us(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")

    assert (await connect([PUBLIC]))[0] == [f"{PUBLIC}:443"]
    assert listener.came == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1:9101/events", "http://localhost:9101/", "http://[::1]:9101/"])
async def test_a_demo_sends_to_its_own_machine(url: str) -> None:
    destination.check(url, local=True)
    host, port = line.place(url)
    assert destination.allowed(destination.LOCAL, [host.replace("localhost", "127.0.0.1")], port)


@pytest.mark.parametrize("found", [[PUBLIC], ["10.0.0.8"], ["169.254.169.254"], ["127.0.0.1", PUBLIC]])
async def test_a_demo_sends_nowhere_else(found: list[str]) -> None:
    with pytest.raises(Forbidden):
        destination.allowed(destination.LOCAL, found, 80)


async def test_an_address_that_is_public_is_allowed() -> None:
    destination.check("https://bank.example/events?a=1", local=False)
    assert [str(each) for each in destination.allowed(destination.PRODUCTION, [PUBLIC, "2606:2800:220:1::1"], 443)] == [
        PUBLIC,
        "2606:2800:220:1::1",
    ]


async def test_the_client_of_the_house_is_the_checked_one() -> None:
    made = line.client(line.Checked(destination.PRODUCTION))
    transport = made._transport  # noqa: SLF001  which transport it has is the question
    assert isinstance(transport, httpx.AsyncHTTPTransport)
    assert isinstance(transport._pool._network_backend, line.Checked)  # noqa: SLF001  as above
    assert not made.follow_redirects
