"""An issuer that is told of purchases by signed requests (RFC 9421): for a network that has no line to it."""

from pathlib import Path
from typing import Any

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from simulators import message_signatures
from simulators.purchase import FORMAT_ERROR, Answer, Purchase, Told, Unanswered
from simulators.standard_webhooks import Signer

_TOO_MANY = 429


class SignedIssuer:
    """The issuer behind `client`, as the network `name` tells it things."""

    def __init__(self, name: str, client: httpx.AsyncClient, folder: Path) -> None:
        """Keep the key in `folder`."""
        self.name, self._client = name, client
        self._signer = Signer(folder / "network.key")
        self.public_key = self._signer.public
        self._issuer_keys: dict[str, Ed25519PublicKey] = {}

    async def tell(self, purchase: Purchase, told: Told, *, again: bool) -> Answer:  # noqa: ARG002  a repeat says nothing of it
        """Send one copy; raises Unanswered."""
        body = msgspec.json.encode(_said(purchase, told))
        try:
            answer = await self._ask(f"{told.kind}s", body)
        except (httpx.TransportError, message_signatures.Unproved) as error:
            raise Unanswered from error
        if answer.is_success:
            heard: dict[str, Any] = answer.json()
            return Answer(heard["approved"], heard["code"], heard.get("reason"), heard["authorization_id"])
        if answer.is_client_error and answer.status_code != _TOO_MANY:  # wrong now, and wrong again
            return Answer(approved=False, code=FORMAT_ERROR, reason=answer.json().get("code"), authorization_id=None)
        raise Unanswered

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(self, path: str, body: bytes) -> httpx.Response:
        """Send one signed copy; a decision counts only if the issuer signed it for this copy. Raises Unproved."""
        headers = {"content-type": "application/json"}
        asked = self._client.build_request("POST", f"/v1/networks/{self.name}/{path}", content=body, headers=headers)
        message_signatures.sign_request(self._signer, asked, body)
        answer = await self._client.send(asked)
        if answer.is_success:
            if not self._issuer_keys:
                self._issuer_keys = await self._published()
            try:
                message_signatures.verify_answer(answer, answer.content, self._issuer_keys)
            except message_signatures.Unproved:
                self._issuer_keys = await self._published()  # it may have signed by a new key
                message_signatures.verify_answer(answer, answer.content, self._issuer_keys)
        return answer

    async def _published(self) -> dict[str, Ed25519PublicKey]:
        return message_signatures.directory((await self._client.get(message_signatures.DIRECTORY)).json())


def _said(purchase: Purchase, told: Told) -> dict[str, object]:
    swipe = purchase.swipe
    proofs = {"proofs": {"cvv2": swipe.cvv2}} if swipe.cvv2 else {}
    more: dict[str, dict[str, object]] = {
        "authorization": {"expiry": swipe.expiry, "advice": swipe.advice, **proofs},
        "reversal": {},
        "clearing": {"final": told.final},
    }
    return {
        "lifecycle_id": purchase.id,
        "element_id": told.element,
        "pan": swipe.pan,
        "amount": {"amount_minor": told.minor, "currency": swipe.currency},
        "merchant": {
            "name": swipe.merchant,
            "id": swipe.merchant_id,
            "category": swipe.mcc,
            "country": swipe.country,
        },
        **more[told.kind],
    }
