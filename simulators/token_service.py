"""The token service of a card network: it keeps the numbers that stand for cards in wallets, and asks the issuer first.

    python -m simulators.token_service --port 9102 --network demo --issuer http://127.0.0.1:8000 --folder DIR

POST /tokens                        a wallet wants a card in: the issuer decides
POST /tokens/{reference}/activation the holder typed the code that the issuer's app showed
POST /tokens/{reference}/payments   the wallet is held to a terminal: a number and a cryptogram, good once
POST /detokenisations               the network has such a pair, and is told the card and the reference

The numbers begin with other digits than those of cards, so that neither is ever taken for the other.
"""

import argparse
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvicorn
from litestar import Litestar, post
from litestar.exceptions import ClientException, NotFoundException
from litestar.params import FromPath, JSONBody

from simulators import message_signatures
from simulators.standard_webhooks import Signer

RANGE = "939899"
_DIGITS = 9


class Token(msgspec.Struct):
    """A number that stands for a card; `counter` is how often its wallet paid, `seen` what the network told of."""

    reference: str
    number: str
    pan: str
    state: str
    key: bytes
    counter: int = 0
    seen: int = 0


class Paid(msgspec.Struct, frozen=True):
    """What a wallet gives a terminal."""

    number: str
    counter: int
    cryptogram: str


class Card(msgspec.Struct, frozen=True):
    """What stands behind a token's number."""

    pan: str
    reference: str


class TokenService:
    """The service of the network `name`, whose issuer is behind `client`."""

    def __init__(self, name: str, client: httpx.AsyncClient, folder: Path) -> None:
        """Keep the network's key in `folder`."""
        self.name = name
        self._client = client
        self._signer = Signer(folder / "network.key")
        self.public_key = self._signer.public
        self._tokens: dict[str, Token] = {}

    @property
    def references(self) -> list[str]:
        """The names of all tokens, in the order they were asked for."""
        return list(self._tokens)

    async def say(self, path: str, body: Mapping[str, object]) -> httpx.Response:
        """Send the issuer one signed message."""
        content = msgspec.json.encode(body)
        headers = {"content-type": "application/json"}
        asked = self._client.build_request("POST", f"/v1/networks/{self.name}/{path}", content=content, headers=headers)
        message_signatures.sign_request(self._signer, asked, content)
        return await self._client.send(asked)

    async def provision(
        self, pan: str, *, reference: str | None = None, cvv2: str | None = None, trust: int | None = 5, **other: object
    ) -> Any:  # noqa: ANN401  what the issuer said
        """Ask whether a card may go into a wallet, and keep a number for it unless the answer is no."""
        reference = reference or f"DNI-{secrets.token_hex(8)}"
        token = self._tokens.get(reference) or Token(reference, _draw(), pan, "requested", secrets.token_bytes(32))
        device = {"kind": "phone", "device_score": trust, "account_score": trust}
        asked = {
            "reference": reference,
            "requestor": "demo-wallet",
            "device": device,
            "pan": pan,
            "last4": token.number[-4:],
            "cvv2": cvv2,
            **other,
        }
        heard = (await self.say("tokens", asked)).json()
        if heard.get("decision") in {"approve", "otp"}:
            token.state = heard["state"]
            self._tokens[reference] = token
        return heard

    async def activate(self, reference: str, code: str) -> Any:  # noqa: ANN401  what the issuer said
        """Hand the code on that the holder typed."""
        heard = (await self.say(f"tokens/{reference}/activation", {"code": code})).json()
        self._tokens[reference].state = heard.get("state", self._tokens[reference].state)
        return heard

    async def turn(self, reference: str, act: str) -> Any:  # noqa: ANN401  what the issuer said
        """Tell what became of the token at its wallet."""
        return (await self.say(f"tokens/{reference}/lifecycle", {"act": act})).json()

    def pay_with(self, reference: str) -> Paid:
        """Pay with a wallet: its number, and a cryptogram that is good once."""
        token = self._tokens[reference]
        token.counter += 1
        return Paid(token.number, token.counter, _cryptogram(token, token.counter))

    def card(self, paid: Paid) -> Card | None:
        """Say which card stands behind; None for what no wallet of ours just made."""
        token = next((each for each in self._tokens.values() if each.number == paid.number), None)
        if token is None or token.state != "active" or paid.counter <= token.seen:
            return None
        if not hmac.compare_digest(_cryptogram(token, paid.counter), paid.cryptogram):
            return None
        token.seen = paid.counter
        return Card(token.pan, token.reference)


def _cryptogram(token: Token, counter: int) -> str:
    return hmac.digest(token.key, f"{token.number}|{counter}".encode(), "sha256")[:8].hex().upper()


def _draw() -> str:
    digits = f"{RANGE}{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"
    total = sum(sum(divmod(int(digit) * (2 - at % 2), 10)) for at, digit in enumerate(reversed(digits)))
    return f"{digits}{-total % 10}"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A card for a wallet."""

    pan: str
    cvv2: str | None = None
    trust: int | None = 5


class Code(msgspec.Struct, frozen=True):
    """What the holder typed."""

    code: str


def build(service: TokenService) -> Litestar:
    """Compose the process."""

    @post("/tokens", status_code=200)
    async def provision(data: JSONBody[Wanted]) -> dict[str, Any]:
        heard: dict[str, Any] = await service.provision(data.pan, cvv2=data.cvv2, trust=data.trust)
        return {"reference": service.references[-1] if service.references else None, **heard}

    @post("/tokens/{reference:str}/activation", status_code=200)
    async def activate(reference: FromPath[str], data: JSONBody[Code]) -> dict[str, Any]:
        heard: dict[str, Any] = await service.activate(_known(service, reference), data.code)
        return heard

    @post("/tokens/{reference:str}/payments", status_code=200)
    async def pay(reference: FromPath[str]) -> Paid:
        return service.pay_with(_known(service, reference))

    @post("/detokenisations", status_code=200)
    async def detokenise(data: JSONBody[Paid]) -> Card:
        found = service.card(data)
        if found is None:
            raise ClientException(detail="no wallet of ours just made this")
        return found

    return Litestar([provision, activate, pay, detokenise], openapi_config=None)


def _known(service: TokenService, reference: str) -> str:
    if reference not in service.references:
        raise NotFoundException
    return reference


def main() -> None:
    """Run the process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--network", required=True)
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    service = TokenService(given.network, httpx.AsyncClient(base_url=given.issuer), given.folder)
    uvicorn.run(build(service), port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
