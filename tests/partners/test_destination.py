"""Where a webhook may go: never into our own network, whatever the address pretends to be."""

import pytest

from app.partners import destination
from app.partners.destination import Forbidden

INSIDE = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://0.0.0.0/",
    "https://10.0.0.8/",
    "https://172.16.5.4/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[ff02::1]/",
    "https://localhost/",
]
MISSHAPEN = [
    "http://example.org/",
    "https://example.org:8443/",
    "https://example.org:notaport/",
    "https://user@example.org/",
    "https://user:word@example.org/",
    "https://example.org/#part",
    "https:///path",
    "file:///etc/passwd",
    "gopher://example.org/",
    "//example.org/",
    "example.org",
    "",
    f"https://{'a' * 64}.example/",
    "https://a..b/",
    "https://.example.org/",
]


@pytest.mark.asyncio
@pytest.mark.parametrize("url", INSIDE)
async def test_nothing_is_sent_into_our_own_network(url: str) -> None:
    with pytest.raises(Forbidden):
        await destination.resolve(url, local=False)


@pytest.mark.parametrize("url", MISSHAPEN)
def test_an_address_of_another_form_is_refused_when_it_is_registered(url: str) -> None:
    with pytest.raises(Forbidden):
        destination.check(url, local=False)


@pytest.mark.asyncio
async def test_a_public_address_is_connected_to_as_it_was_checked() -> None:
    found = await destination.resolve("https://93.184.215.14/events?a=1", local=False)

    assert (found.url, found.host) == ("https://93.184.215.14:443/events?a=1", "93.184.215.14")


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["http://127.0.0.1:9101/events", "http://localhost:9101/", "http://[::1]:9101/"])
async def test_a_demo_sends_to_its_own_machine(url: str) -> None:
    assert (await destination.resolve(url, local=True)).url.startswith(("http://127.0.0.1:9101", "http://[::1]:9101"))


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["https://93.184.215.14/", "http://10.0.0.8/", "http://169.254.169.254/"])
async def test_a_demo_sends_nowhere_else(url: str) -> None:
    with pytest.raises(Forbidden):
        await destination.resolve(url, local=True)
