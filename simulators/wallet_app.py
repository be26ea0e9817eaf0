"""A holder's wallet as client code: takes an offer, proves its keys, keeps copies, shows what its owner chooses.

    wallet = WalletApp()
    [held] = await wallet.accept(offer_uri)
    presentation = wallet.present(held, request)          # what the verifier asked for, and nothing else

It follows OpenID4VCI 1.0 with a pre-authorized code and knows nothing of our API but the offer: everything else it
reads in the issuer's metadata. Each copy has a key of its own. With `attests` (simulators/wallet_provider.py) it is a
wallet that its provider vouches for, with `attests_keys` one whose keys it vouches for too.
"""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from simulators.passkey import DeviceKey, Json
from simulators.phone import Call

PRE_AUTHORIZED = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
_FORMAT = "dc+sd-jwt"

Path = tuple[str, ...]


class Refused(Exception):
    """The issuer answered 400 or above: `status`, the standard's `error` and its description."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.body: Json = answer.json() if answer.headers.get("content-type", "").endswith("json") else {}
        self.error = str(self.body.get("error", ""))
        super().__init__(f"{answer.request.method} {answer.request.url.path}: {self.status} {self.body}")


class Untrusted(Exception):
    """What the issuer sent is not what its metadata and the wallet's own keys say it must be."""


class Offer(NamedTuple):
    """A credential offer taken apart."""

    issuer: str
    configurations: tuple[str, ...]
    code: str

    @classmethod
    def read(cls, uri: str) -> Self:
        """Read an offer by value; raises Untrusted."""
        try:
            offer = json.loads(parse_qs(urlsplit(uri).query)["credential_offer"][0])
            code = offer["grants"][PRE_AUTHORIZED]["pre-authorized_code"]
            return cls(offer["credential_issuer"], tuple(offer["credential_configuration_ids"]), code)
        except (KeyError, ValueError) as error:
            raise Untrusted("the offer can't be read") from error


class Held(NamedTuple):
    """One copy: what the issuer signed, a disclosure for each path, and the key it is bound to."""

    signed: str
    disclosures: dict[Path, str]
    key: DeviceKey

    @property
    def claims(self) -> Json:
        """What the issuer lets everybody see."""
        return _payload(self.signed)

    @property
    def whole(self) -> str:
        """The copy with all its disclosures, as it came."""
        return "~".join([self.signed, *self.disclosures.values(), ""])


class WalletApp:
    """One wallet on one phone. `device` is the key its access tokens are bound to; `record` hears of every call."""

    def __init__(
        self,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        device: DeviceKey | None = None,
        record: Callable[[Call], None] | None = None,
        attests: Callable[[], dict[str, str]] | None = None,
        attests_keys: Callable[[Sequence[Json], str], str] | None = None,
    ) -> None:
        self.http = httpx.AsyncClient(transport=transport, timeout=30)
        self.attests = attests or dict
        self.attests_keys = attests_keys
        self.refresh_token: str | None = None
        self.device = device or DeviceKey()
        self._record = record or (lambda _: None)
        self.held: list[Held] = []
        self.token: str | None = None
        self.notification_id: str | None = None
        self.dpop_nonce: str | None = None

    async def __aenter__(self) -> Self:
        """Use the wallet as a context: its connections close at the end."""
        return self

    async def __aexit__(self, *failure: object) -> None:
        """Close the connections."""
        await self.http.aclose()

    async def accept(self, offer_uri: str, *, copies: int = 1) -> list[Held]:
        """Fetch `copies` of what is offered, tell the issuer that they are kept, and give them."""
        offer = Offer.read(offer_uri)
        metadata = await self.metadata(offer.issuer)
        await self.redeem(offer)
        taken = await self.fetch(metadata, offer.configurations[0], copies=copies)
        await self.notify(metadata, "credential_accepted")
        return taken

    async def metadata(self, issuer: str) -> Json:
        """Read what the issuer says of itself; raises Untrusted if it calls itself otherwise."""
        told = _ok(await self._plain("GET", f"{issuer}/.well-known/openid-credential-issuer"))
        if told["credential_issuer"] != issuer:
            raise Untrusted("the issuer calls itself otherwise")
        return told

    async def redeem(self, offer: Offer) -> None:
        """Exchange the code of an offer for an access token bound to the device key."""
        server = _ok(await self._plain("GET", f"{offer.issuer}/.well-known/oauth-authorization-server"))
        form = {"grant_type": PRE_AUTHORIZED, "pre-authorized_code": offer.code}
        self._given(_ok(await self.send("POST", server["token_endpoint"], form=form)))

    async def renew(self, issuer: str) -> None:
        """Get another access token with the refresh token, which is spent."""
        server = _ok(await self._plain("GET", f"{issuer}/.well-known/oauth-authorization-server"))
        form = {"grant_type": "refresh_token", "refresh_token": str(self.refresh_token)}
        self._given(_ok(await self.send("POST", server["token_endpoint"], form=form)))

    def _given(self, answer: Json) -> None:
        self.token, self.refresh_token = answer["access_token"], answer["refresh_token"]

    async def fetch(self, metadata: Json, configuration: str, *, copies: int = 1) -> list[Held]:
        """Ask for one copy for each of `copies` new keys; raises Refused, Untrusted."""
        nonce = _ok(await self._plain("POST", metadata["nonce_endpoint"]))["c_nonce"]
        keys = [DeviceKey() for _ in range(copies)]
        proofs = self._proofs(keys, audience=metadata["credential_issuer"], nonce=nonce)
        body = {"credential_configuration_id": configuration, "proofs": proofs}
        answer = _ok(await self.send("POST", metadata["credential_endpoint"], body=body))
        described = metadata["credential_configurations_supported"][configuration]
        taken = [_kept(one["credential"], key, described) for one, key in zip(answer["credentials"], keys, strict=True)]
        self.notification_id = answer["notification_id"]
        self.held += taken
        return taken

    def _proofs(self, keys: Sequence[DeviceKey], *, audience: str, nonce: str) -> Json:
        if self.attests_keys is not None:
            return {"attestation": [self.attests_keys([key.jwk for key in keys], nonce)]}
        return {"jwt": [proof_of(key, audience=audience, nonce=nonce) for key in keys]}

    async def notify(self, metadata: Json, event: str) -> None:
        """Say what became of the last issuance."""
        body = {"notification_id": self.notification_id, "event": event}
        _ok(await self.send("POST", metadata["notification_endpoint"], body=body))

    def present(self, held: Held, request: Json) -> str:
        """Show what a verifier's `request` asks for, bound to its audience and nonce."""
        return present(held, request["claims"], audience=request["audience"], nonce=request["nonce"])

    async def send(
        self, method: str, url: str, *, body: Json | None = None, form: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send with the access token and a proof of the device key, again with a nonce if the server wants one."""
        answer = await self._send_once(method, url, body, form)
        if answer.is_error and "use_dpop_nonce" in answer.headers.get("www-authenticate", "") + answer.text:
            answer = await self._send_once(method, url, body, form)
        return answer

    async def _send_once(self, method: str, url: str, body: Json | None, form: dict[str, str] | None) -> httpx.Response:
        # A form goes to the authorisation server, which takes no access token.
        token = self.token if form is None else None
        headers = {"DPoP": self.device.proof(method, url, token=token, nonce=self.dpop_nonce)}
        if token is not None:
            headers["Authorization"] = f"DPoP {token}"
        if form is not None:
            headers |= self.attests()
        answer = await self._plain(method, url, json=body, data=form, headers=headers)
        self.dpop_nonce = answer.headers.get("dpop-nonce", self.dpop_nonce)
        return answer

    async def _plain(self, method: str, url: str, **sent: Any) -> httpx.Response:  # noqa: ANN401  # httpx's own arguments
        started = time.perf_counter()
        answer = await self.http.request(method, url, **sent)
        elapsed_ms = (time.perf_counter() - started) * 1_000
        self._record(Call(method, answer.request.url.path, answer.status_code, elapsed_ms))
        return answer


def proof_of(key: DeviceKey, *, audience: str, nonce: str) -> str:
    """Prove to an issuer that we hold `key`."""
    header = {"typ": "openid4vci-proof+jwt", "alg": "ES256", "jwk": key.jwk}
    return key.jws(header, {"aud": audience, "iat": int(time.time()), "nonce": nonce})


def present(held: Held, claims: Sequence[Sequence[str]], *, audience: str, nonce: str) -> str:
    """Disclose exactly the paths `claims`, passing over what the copy lacks or shows anyway, bound to the occasion."""
    wanted = [tuple(path) for path in claims]
    chosen = [text for path, text in held.disclosures.items() if any(path == each[: len(path)] for each in wanted)]
    shown = "~".join([held.signed, *chosen, ""])
    sd_hash = _b64(hashlib.sha256(shown.encode()).digest())
    bound = {"aud": audience, "nonce": nonce, "iat": int(time.time()), "sd_hash": sd_hash}
    return shown + held.key.jws({"typ": "kb+jwt", "alg": "ES256"}, bound)


def _kept(text: str, key: DeviceKey, described: Json) -> Held:
    """Check a copy before it is kept: for our key, of the type described, and every disclosure accounted for."""
    signed, *disclosures, last = text.split("~")
    payload = _payload(signed)
    if last or described["format"] != _FORMAT or payload.get("vct") != described["vct"]:
        raise Untrusted("the credential is of another type than described")
    if payload.get("cnf", {}).get("jwk") != key.jwk:
        raise Untrusted("the credential is bound to another key")
    by_digest = {_b64(hashlib.sha256(each.encode()).digest()): each for each in disclosures}
    found = dict(_placed(payload, (), by_digest))
    if len(found) != len(disclosures):
        raise Untrusted("a disclosure belongs nowhere")
    return Held(signed, found, key)


def _placed(node: Any, path: Path, by_digest: dict[str, str]) -> Iterator[tuple[Path, str]]:  # noqa: ANN401  # any JSON
    """Find where each disclosure belongs; claims of objects only, for our credential conceals no array elements."""
    if not isinstance(node, dict):
        return
    for digest in node.get("_sd", ()):
        if (text := by_digest.get(digest)) is not None:
            _, name, value = json.loads(_unb64(text))
            yield (*path, name), text
            yield from _placed(value, (*path, name), by_digest)
    for name, value in node.items():
        yield from _placed(value, (*path, name), by_digest)


def _payload(signed: str) -> Json:
    found: Json = json.loads(_unb64(signed.split(".")[1]))
    return found


def _ok(answer: httpx.Response) -> Json:
    if answer.is_error:
        raise Refused(answer)
    found: Json = answer.json() if answer.content else {}
    return found


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
