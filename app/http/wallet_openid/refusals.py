"""Refusals of the issuing endpoints in the form of their standard (OpenID4VCI 1.0 sections 8.3.1.2, 9.3 and 11.3).

`error` is the standard's word, `error_description` names the check that failed, in the characters OAuth allows.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap

from app import person, standing, strict, vault
from app.auth import dpop, gate, guard, token
from app.auth.wallets import wallet_status
from app.credentials import deferral, entitlement
from law import threshold
from residency.credential import issuing
from residency.credential.wallets import encryption, grade, key_proof, nonce, notification
from residency.credential.wallets.grade import Grade

Words = tuple[str, str]


class IssuingError(msgspec.Struct, frozen=True):
    """What went wrong, for the wallet and for who builds it."""

    error: str
    error_description: str


class InvalidRequest(Exception):
    """The request can't be what the standard says; `error` is its word for that."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error, description)
        self.error = error
        self.description = description


class _Form(msgspec.Struct, frozen=True):
    """How a class of refusals is put: the status, and `error` with its description."""

    words: Callable[[Any], Words]
    status: int = 400


def _denied(describe: Callable[[Any], str]) -> _Form:
    return _Form(lambda error: ("credential_request_denied", describe(error)))


def _too_low(error: grade.GradeTooLow) -> Words:
    """Say what is missing: an attestation of the keys, which a wallet can send, or one of the wallet itself."""
    if error.reached is Grade.BASIC:
        return "credential_request_denied", "the credential goes to attested wallets only"
    levels = " or ".join(grade.RESISTANT)
    return "invalid_proof", f"key_attestation: key_storage and user_authentication of {levels} are needed for all keys"


def _unreadable(word: str) -> dict[type[Exception], _Form]:
    return {
        strict.Malformed: _Form(lambda error: (word, f"{error.pointer or 'the body'}: {error.reason}")),
        strict.NotJson: _Form(lambda _: (word, "the body is not application/json")),
    }


#: What the access token lacks; WWW-Authenticate says the same (RFC 6750 section 3, RFC 9449 section 7).
_UNAUTHORIZED: dict[type[Exception], _Form] = {
    token.Missing: _Form(lambda _: ("invalid_token", "an access token is needed"), 401),
    token.Refused: _Form(lambda error: ("invalid_token", error.reason), 401),
    dpop.Refused: _Form(lambda error: (error.error, error.reason), 401),
    dpop.NonceNeeded: _Form(lambda error: (error.error, error.reason), 401),
    gate.SessionEnded: _Form(lambda _: ("invalid_token", "the session has ended"), 401),
    guard.ScopeMissing: _Form(lambda error: ("insufficient_scope", f"the token does not hold {error.scope}"), 403),
}
#: What either endpoint refuses, whatever was proven.
_ISSUING: dict[type[Exception], _Form] = {
    **_UNAUTHORIZED,
    **_unreadable("invalid_credential_request"),
    encryption.Undecipherable: _Form(lambda error: ("invalid_encryption_parameters", f"the request: {error.reason}")),
    encryption.BadParameters: _Form(
        lambda error: ("invalid_encryption_parameters", f"credential_response_encryption: {error.reason}")
    ),
    standing.NotEResident: _denied(lambda _: "the holder is not an e-resident now"),
    entitlement.NotAltyn: _denied(lambda _: "the holder has no Altyn visa now"),
    threshold.NotInForce: _denied(lambda _: "the rule that this document stands on is not in force"),
    person.NotIdentified: _denied(lambda _: "the holder has no identifying document in force"),
    vault.Erased: _denied(lambda _: "the holder has no identifying document in force"),
    issuing.NotActive: _denied(lambda error: f"the credential is {error.state}"),
    issuing.TooManyCopies: _denied(lambda error: f"a wallet has up to {error.copies_max} copies that have not expired"),
}
CREDENTIAL: dict[type[Exception], _Form] = {
    **_ISSUING,
    InvalidRequest: _Form(lambda error: (error.error, error.description)),
    key_proof.InvalidProof: _Form(lambda error: ("invalid_proof", f"{error.place}: {error.check}")),
    wallet_status.NotFetchedYet: _Form(
        lambda _: ("invalid_proof", "key_attestation: the status list is not here yet; come again in a moment")
    ),
    grade.GradeTooLow: _Form(_too_low),
    deferral.TooManyWaiting: _denied(lambda _: f"{deferral.WAITING_MAX} requests of the holder wait already"),
    nonce.InvalidNonce: _Form(lambda error: ("invalid_nonce", f"the c_nonce is {error.reason}; fetch a new one")),
}
DEFERRED: dict[type[Exception], _Form] = {
    **_ISSUING,
    key_proof.InvalidProof: _denied(lambda error: str(error.check)),
    grade.GradeTooLow: _denied(lambda _: "the wallet is not attested any more as the credential needs it"),
    deferral.UnknownTransaction: _Form(
        lambda _: ("invalid_transaction_id", "no request of this wallet waits under this id")
    ),
}
NOTIFICATION: dict[type[Exception], _Form] = {
    **_UNAUTHORIZED,
    **_unreadable("invalid_notification_request"),
    notification.UnknownNotification: _Form(
        lambda _: ("invalid_notification_id", "no issuance to this holder has this id")
    ),
}


FORBIDDEN = ResponseSpec(IssuingError, description="The access token is for something else.", generate_examples=False)


def handlers(forms: dict[type[Exception], _Form]) -> ExceptionHandlersMap:
    """Give the handlers that answer in these forms."""

    def handle(_: Request[Any, Any, Any], error: Exception) -> Response[IssuingError]:
        return answer(forms, error)

    return dict.fromkeys(forms, handle)


def answer(forms: dict[type[Exception], _Form], error: Exception) -> Response[IssuingError]:
    """Answer one refusal in its form."""
    form = forms[type(error)]
    word, description = form.words(error)
    # Neither quotes nor backslashes (OpenID4VCI 1.0 section 8.3.1.2).
    text = "".join(char for char in description if " " <= char <= "~" and char not in '"\\')
    return Response(IssuingError(word, text), status_code=form.status, headers=getattr(error, "headers", {}))
