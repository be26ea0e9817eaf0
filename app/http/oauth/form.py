"""Forms of the authorisation server, and its refusals in OAuth's own words (RFC 6749 section 5.2, RFC 9126 section 2).

Forms are read here, not by the framework: unknown parameters are ignored as the standard wants, and a repeated one is
refused. Refusals are returned by the handlers, not raised through: what they store is committed with the answer.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Parameter, RequestBody, Schema
from msgspec import Meta

from app.auth import authenticate, dpop, token
from app.auth.door import Door
from app.auth.wallets import attested as attested_
from app.db import Story
from residency.credential.wallets.wallet_attestation import WalletAttestation

FORM = "application/x-www-form-urlencoded"
_FIELDS_MAX = 32
#: No grant and no request of ours comes near it.
_BODY_BYTES_MAX = 32 * 1024

HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache"}

Form = dict[str, str]


class OAuthError(msgspec.Struct, frozen=True):
    """RFC 6749 section 5.2."""

    error: Annotated[str, Meta(examples=["invalid_grant"])]
    error_description: str


class Unacceptable(Exception):
    """The request is refused with OAuth's word `error`; `description` is for the client's developer."""

    def __init__(
        self, error: str, description: str, *, status: int = 400, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(error, description)
        self.error = error
        self.description = description
        self.status = 401 if error == "invalid_client" else status
        self.headers = headers or {}

    def response(self) -> Response[Any]:
        """Put it in the form of the standard."""
        # RFC 6749 section 5.2: descriptions are printable ASCII without quotes and backslashes.
        text = "".join(char for char in self.description if " " <= char <= "~" and char not in '"\\')
        return Response(OAuthError(self.error, text), status_code=self.status, headers={**HEADERS, **self.headers})


@dataclass
class FormOperation(Operation):
    """Describes a form that the handler reads itself."""

    fields: ClassVar[tuple[str, ...]] = ()
    required_fields: ClassVar[tuple[str, ...]] = ()
    form_example: ClassVar[Form] = {}

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        form = Schema(
            type=OpenAPIType.OBJECT,
            properties=dict.fromkeys((*self.fields, *self.required_fields), text),
            required=list(self.required_fields),
            example=self.form_example,
        )
        self.request_body = RequestBody(content={FORM: OpenAPIMediaType(schema=form)}, required=True)
        said = "RFC 9449 proof of the key that tokens are to be bound to."
        attests = "Of a wallet that a provider vouches for (attest_jwt_client_auth, OpenID4VCI 1.0 appendix E)."
        self.parameters = [
            Parameter(name="DPoP", param_in="header", description=said, required=True, schema=text),
            *(
                Parameter(name=name, param_in="header", description=attests, required=False, schema=text)
                for name in (attested_.ATTESTATION, attested_.POP)
            ),
        ]


async def read(request: Request[Any, Any, State], *, bytes_max: int = _BODY_BYTES_MAX) -> Form:
    """Read the form of a request; raises Unacceptable."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Unacceptable("invalid_request", f"the body is not {FORM}")
    body = await request.body()
    if len(body) > bytes_max:
        raise Unacceptable("invalid_request", "the form is too large", status=413)
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, strict_parsing=True, errors="strict", max_num_fields=_FIELDS_MAX) if text else []
    except ValueError:
        raise Unacceptable("invalid_request", "the form can't be read") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unacceptable("invalid_request", "a parameter is given twice")
    if any("\x00" in value for value in found.values()):
        raise Unacceptable("invalid_request", "a parameter holds a NUL")
    return found


def needed(form: Form, name: str) -> str:
    """Give a parameter that must be there; raises Unacceptable."""
    if not (value := form.get(name)):
        raise Unacceptable("invalid_request", f"{name} is missing")
    return value


async def attested(
    request: Request[Any, Any, State], story: Story, form: Form, door: Door, now: datetime
) -> WalletAttestation | None:
    """Say which attested wallet sends this; None for a client that shows no attestation. Raises Unacceptable."""
    shown = attested_.Presented(*(request.headers.getall(name, []) for name in (attested_.ATTESTATION, attested_.POP)))
    if not any(shown):
        return None
    try:
        return await attested_.recognise(
            await story(), shown, client_id=form.get("client_id"), issuer=door.issuer, now=now
        )
    except attested_.Refused as refused:
        if refused.again:
            headers = {"Retry-After": str(attested_.AGAIN_AFTER_S)}
            raise Unacceptable(refused.error, refused.reason, status=503, headers=headers) from None
        raise Unacceptable(refused.error, refused.reason) from None


async def device_key(request: Request[Any, Any, State], door: Door) -> str:
    """Give the thumbprint of the key the caller proves to hold; the proof is used up. Raises Unacceptable."""
    try:
        proof = authenticate.prove(door, request.scope, access_token=None)
        await door.gate.admit(None, proof)
    except (dpop.Refused, token.Refused) as refused:
        raise Unacceptable(getattr(refused, "error", "invalid_dpop_proof"), refused.reason) from None
    return proof.thumbprint
