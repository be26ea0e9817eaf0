"""What browsers and phones exchange with us for passkeys: the JSON forms of WebAuthn level 3 (section 5.1.8 to 5.1.10).

Fields a client may add are named, since our own operations refuse unknown ones; what is not used is not looked at.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.http.wire import Wire

#: base64url without padding.
Bytes = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+$(?!\n)", max_length=65_536, examples=["mWqGvVt4v0xZ3GkQ1cC3Sg"])]
_Short = Annotated[str, Meta(max_length=64)]


class RelyingParty(Wire, frozen=True):
    """Whom the passkey is for."""

    id: Annotated[str, Meta(examples=["localhost"])]
    name: Annotated[str, Meta(examples=["e-Residency of Kazakhstan"])]


class User(Wire, frozen=True, rename="camel"):
    """The account the passkey opens; `id` comes back as the user handle."""

    id: Bytes
    name: str
    display_name: str


class Parameter(Wire, frozen=True):
    """A kind of key we take, by COSE number."""

    alg: Annotated[int, Meta(examples=[-7])]
    type: Literal["public-key"] = "public-key"


class Selection(Wire, frozen=True, rename="camel"):
    """A discoverable passkey that verifies its user each time."""

    resident_key: Literal["required"] = "required"
    require_resident_key: bool = True
    user_verification: Literal["required"] = "required"


class CreationOptions(Wire, frozen=True, rename="camel"):
    """PublicKeyCredentialCreationOptionsJSON, for `navigator.credentials.create`."""

    rp: RelyingParty
    user: User
    challenge: Bytes
    pub_key_cred_params: list[Parameter]
    timeout: Annotated[int, Meta(description="Milliseconds.")]
    authenticator_selection: Selection
    attestation: Literal["none"] = "none"


class RequestOptions(Wire, frozen=True, rename="camel"):
    """PublicKeyCredentialRequestOptionsJSON, for `navigator.credentials.get`; any passkey of ours may answer."""

    challenge: Bytes
    rp_id: str
    timeout: Annotated[int, Meta(description="Milliseconds.")]
    user_verification: Literal["required"] = "required"


class AttestationResponse(Wire, frozen=True, rename="camel", omit_defaults=True):
    """AuthenticatorAttestationResponseJSON."""

    client_data_json: Bytes = msgspec.field(name="clientDataJSON")
    attestation_object: Bytes
    transports: Annotated[tuple[_Short, ...], Meta(max_length=16)] = ()
    authenticator_data: Bytes | UnsetType = UNSET
    public_key: Bytes | UnsetType = UNSET
    public_key_algorithm: int | UnsetType = UNSET


class AssertionResponse(Wire, frozen=True, rename="camel", omit_defaults=True):
    """AuthenticatorAssertionResponseJSON; a discoverable passkey always gives its user handle."""

    client_data_json: Bytes = msgspec.field(name="clientDataJSON")
    authenticator_data: Bytes
    signature: Bytes
    user_handle: Bytes


class _Credential(Wire, frozen=True, rename="camel", omit_defaults=True):
    id: Bytes
    raw_id: Bytes
    type: Literal["public-key"]
    client_extension_results: dict[_Short, object] | UnsetType = UNSET
    authenticator_attachment: Literal["platform", "cross-platform"] | None = None


class Attestation(_Credential, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """RegistrationResponseJSON: a new passkey."""

    response: AttestationResponse


class Assertion(_Credential, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """AuthenticationResponseJSON: a challenge signed by a passkey."""

    response: AssertionResponse
