"""Every error of our own operations as RFC 9457 `application/problem+json`.

A refusal is a class beside the function that raises it; REFUSALS is the one place that says how it looks outside.
Titles and details are texts in three languages: `app/texts/<room>.toml`.
"""

import tomllib
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import Meta

from app import (
    batch,
    clock,
    db,
    idempotency_key,
    language,
    limits,
    person,
    standing,
    status_tokens,
    strict,
    trace,
    vault,
)
from app.account import closure, export, purposes
from app.account import consent as consent_
from app.auth import (
    authorization,
    challenge,
    client_key,
    confirmed,
    contact,
    contested,
    device,
    dpop,
    duty,
    gate,
    guard,
    mint,
    passkey,
    recovery,
    session,
    signin,
    stepup,
    subject,
    suspension,
    token,
    verification,
)
from app.http import ids, paging, precondition
from app.partners import caller, destination, registry, subscription, webhook
from app.reports import asof
from cards import card, order
from invest import consent, placement, preview, product, quote
from invest import request as request_
from kyc import identify
from law import money, regime
from residency import application, case, filing, reason, review, service, status
from residency.credential import issuing, life
from wallet import account

MEDIA_TYPE = "application/problem+json"
#: Under this name the code of a problem is left in the state of its request, for the lookout and the log.
CODE = "problem.code"
_log = structlog.get_logger()


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of the input: where (JSON pointer into the body, or the parameter's name) and what."""

    detail: Annotated[str, Meta(examples=["Expected `int`, got `str`"])]
    pointer: Annotated[str | None, Meta(examples=["/amount/amount_minor"])] = None
    parameter: Annotated[str | None, Meta(examples=["limit"])] = None


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details. `type` and `code` are stable; `title` and `detail` speak the caller's language."""

    type: Annotated[str, Meta(description="Where the problem is described.", examples=["/problems/invalid_request"])]
    title: Annotated[str, Meta(examples=["The request can't be read"])]
    status: Annotated[int, Meta(ge=400, le=599, examples=[400])]
    code: Annotated[str, Meta(examples=["invalid_request"])]
    detail: Annotated[str, Meta(examples=["Correct the fields named in errors."])]
    trace_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)", examples=["4bf92f3577b34da6a3ce929d0e0e4736"])]
    errors: list[FieldError] = []


class Refusal(msgspec.Struct, frozen=True):
    """How a class of refusals looks outside; `retry_after_s` for those that pass by themselves."""

    status: int
    code: str
    retry_after_s: int | None = None


REFUSALS: dict[type[Exception], Refusal] = {
    # the house
    strict.Malformed: Refusal(400, "invalid_request"),
    strict.NotJson: Refusal(415, "unsupported_media_type"),
    strict.CutShort: Refusal(400, "invalid_request"),
    ids.UnknownId: Refusal(404, "not_found"),
    paging.BadCursor: Refusal(400, "bad_cursor"),
    precondition.Missing: Refusal(428, "precondition_required"),
    precondition.Failed: Refusal(412, "precondition_failed"),
    money.UnknownCurrency: Refusal(422, "unknown_currency"),
    idempotency_key.Missing: Refusal(400, "idempotency_key_missing"),
    idempotency_key.Malformed: Refusal(400, "idempotency_key_malformed"),
    idempotency_key.Reused: Refusal(422, "idempotency_key_reused"),
    idempotency_key.InProgress: Refusal(409, "idempotency_key_in_progress", retry_after_s=1),
    batch.Overloaded: Refusal(503, "overloaded", retry_after_s=1),
    batch.Unavailable: Refusal(503, "outcome_unknown", retry_after_s=2),
    # auth
    token.Missing: Refusal(401, "unauthenticated"),
    token.Refused: Refusal(401, "invalid_token"),
    dpop.Refused: Refusal(401, "invalid_dpop_proof"),
    dpop.NonceNeeded: Refusal(401, "use_dpop_nonce"),
    gate.SessionEnded: Refusal(401, "session_ended"),
    session.UnknownSession: Refusal(404, "not_found"),
    gate.Crowded: Refusal(503, "overloaded", retry_after_s=1),
    gate.Unattended: Refusal(503, "overloaded", retry_after_s=1),
    limits.Exceeded: Refusal(429, "quota_exceeded"),
    guard.ScopeMissing: Refusal(403, "insufficient_scope"),
    # Which of all reasons it was that a passkey's answer did not hold, nobody is told.
    challenge.Spent: Refusal(401, "passkey_refused"),
    passkey.Refused: Refusal(401, "passkey_refused"),
    verification.Refused: Refusal(401, "code_refused"),
    verification.TooMany: Refusal(429, "too_many_codes"),
    recovery.Refused: Refusal(401, "recovery_refused"),
    contested.Unknown: Refusal(404, "not_found"),
    contested.NotSuspended: Refusal(409, "not_suspended"),
    device.Unknown: Refusal(404, "not_found"),
    device.OnlyDevice: Refusal(409, "only_device"),
    contact.BadContact: Refusal(422, "bad_contact"),
    contact.Taken: Refusal(409, "contact_taken"),
    contact.TooManyContacts: Refusal(409, "too_many_contacts"),
    subject.Suspended: Refusal(403, "suspended"),
    suspension.UnknownSubject: Refusal(404, "not_found"),
    suspension.UnknownSuspension: Refusal(404, "not_found"),
    suspension.AlreadySuspended: Refusal(409, "already_suspended"),
    suspension.SameOfficer: Refusal(409, "same_officer"),
    subject.InvitationSpent: Refusal(422, "invitation_spent"),
    signin.InvitationMissing: Refusal(422, "invitation_missing"),
    stepup.UnknownOperation: Refusal(422, "unknown_operation"),
    stepup.OtherLines: Refusal(422, "step_up_lines"),
    confirmed.Required: Refusal(403, "step_up_required"),
    confirmed.Mismatch: Refusal(403, "step_up_mismatch"),
    confirmed.NotSigned: Refusal(403, "step_up_not_signed"),
    confirmed.RecoveryPeriod: Refusal(403, "recovery_period"),
    mint.NotHere: Refusal(403, "not_in_production"),
    mint.OtherRole: Refusal(409, "other_role"),
    mint.ScopeNotHeld: Refusal(422, "scope_not_held"),
    # account
    purposes.UnknownPurpose: Refusal(404, "unknown_purpose"),
    consent_.OtherText: Refusal(409, "consent_text_other"),
    consent_.ConsentMissing: Refusal(403, "personal_data_consent_required"),
    export.UnknownExport: Refusal(404, "not_found"),
    export.NotReady: Refusal(409, "export_not_ready"),
    closure.NotEmpty: Refusal(409, "account_not_empty"),
    closure.NotClosing: Refusal(409, "account_not_closing"),
    authorization.Over: Refusal(409, "authorization_over"),
    client_key.UnknownKey: Refusal(404, "not_found"),
    client_key.KeyKnown: Refusal(409, "key_known"),
    client_key.KeyNeeded: Refusal(409, "key_needed"),
    client_key.KeyNotProved: Refusal(422, "key_not_proved"),
    client_key.TooManyKeys: Refusal(409, "too_many_keys"),
    duty.UnknownOfficer: Refusal(404, "not_found"),
    duty.UnknownGrant: Refusal(404, "not_found"),
    duty.DutyHeld: Refusal(409, "duty_held"),
    duty.SamePerson: Refusal(409, "same_person"),
    # kyc
    identify.NothingReadable: Refusal(422, "document_unreadable"),
    person.NotIdentified: Refusal(403, "not_identified"),
    vault.Erased: Refusal(404, "not_found"),
    # residency
    standing.NotEResident: Refusal(403, "not_e_resident"),
    application.UnknownApplication: Refusal(404, "application_not_found"),
    case.IllegalMove: Refusal(409, "illegal_move"),
    filing.ApplicationOpen: Refusal(409, "application_open"),
    filing.AnswersFixed: Refusal(409, "answers_fixed"),
    reason.UnknownReason: Refusal(422, "unknown_reason"),
    review.SameReviewer: Refusal(409, "same_reviewer"),
    service.UnknownService: Refusal(422, "unknown_service"),
    service.BadAnswer: Refusal(422, "bad_answer"),
    service.IncompleteAnswers: Refusal(422, "incomplete_answers"),
    status.IneligibleCitizen: Refusal(422, "ineligible_citizen"),
    status.UnderAge: Refusal(422, "under_age"),
    status.Unidentified: Refusal(409, "applicant_not_identified"),
    status.StatusHeld: Refusal(409, "status_held"),
    status.UnknownStatus: Refusal(404, "status_not_found"),
    status.IllegalChange: Refusal(409, "illegal_change"),
    # credential
    life.UnknownCredential: Refusal(404, "not_found"),
    life.IllegalAct: Refusal(409, "credential_state"),
    issuing.NotActive: Refusal(409, "credential_not_active"),
    issuing.TooManyCopies: Refusal(409, "credential_copies_limit"),
    status_tokens.HistoryNotKept: Refusal(501, "history_not_kept"),
    # wallet
    account.NoWallet: Refusal(404, "no_wallet"),
    account.WalletExists: Refusal(409, "wallet_exists"),
    standing.PayeeUnavailable: Refusal(422, "payee_unavailable"),
    # cards
    card.UnknownCard: Refusal(404, "not_found"),
    card.WrongState: Refusal(409, "card_state"),
    order.IssuingStopped: Refusal(409, "issuing_stopped"),
    order.NoticeNotAccepted: Refusal(409, "notice_not_accepted"),
    regime.CapReached: Refusal(409, "sandbox_cap"),
    regime.NoRegime: Refusal(409, "no_regime"),
    caller.Unproved: Refusal(401, "unproved"),
    # invest
    consent.ConsentRequired: Refusal(403, "consent_required"),
    consent.TextChanged: Refusal(409, "consent_text_changed"),
    placement.UnknownPlacement: Refusal(404, "not_found"),
    preview.UnknownPreview: Refusal(404, "not_found"),
    product.UnknownProduct: Refusal(404, "product_not_offered"),
    quote.AmountNotOffered: Refusal(422, "amount_not_offered"),
    request_.NotEnoughFree: Refusal(422, "insufficient_funds"),
    request_.NotSetAside: Refusal(409, "not_set_aside"),
    request_.PreviewExpired: Refusal(409, "preview_expired"),
    request_.PreviewUsed: Refusal(409, "preview_used"),
    # partner
    destination.Forbidden: Refusal(422, "address_forbidden"),
    registry.UnknownPartner: Refusal(403, "not_enrolled"),
    subscription.UnknownSubscription: Refusal(404, "not_found"),
    webhook.BadKey: Refusal(422, "bad_webhook_key"),
    # reports
    asof.AsOfNotSettled: Refusal(409, "as_of_not_settled", retry_after_s=1),
    # sandbox
    clock.BeyondCalendar: Refusal(422, "beyond_calendar"),
}

#: What the framework refuses by status.
BY_STATUS = {
    400: "invalid_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    413: "content_too_large",
    414: "uri_too_long",
    415: "unsupported_media_type",
    429: "quota_exceeded",
    431: "head_too_large",
    503: "overloaded",
}


@cache
def texts() -> dict[str, dict[str, tuple[str, str]]]:
    """Read every problem's (title, detail) by code and language; a code that two rooms claim is a bug."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for file in sorted(Path(__file__).with_name("texts").glob("*.toml")):
        for code, languages in tomllib.loads(file.read_text(encoding="utf-8")).items():
            assert code not in found, f"two rooms describe {code}"
            found[code] = {tag: (text[0], text[1]) for tag, text in languages.items()}
    return found


def problem(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    *,
    errors: list[FieldError] | None = None,
    fields: dict[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    """Build the answer; a detail may name the refusal's fields."""
    request.scope["state"][CODE] = code
    tag = language.choose(request.headers.get("accept-language"))
    title, detail = texts()[code][tag]
    body = Problem(
        type=f"/problems/{code}",
        title=title,
        status=status,
        code=code,
        detail=detail.format_map(_Fields(fields or {})),
        trace_id=trace.trace_id(),
        errors=errors or [],
    )
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={"Content-Language": tag, "Vary": "Accept-Language", **(headers or {})},
    )


class _Fields(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


def on_refusal(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a refusal of ours."""
    known = of(error)
    errors = [FieldError(detail=error.reason, pointer=error.pointer)] if isinstance(error, strict.Malformed) else None
    headers = dict(getattr(error, "headers", {}))
    if known.retry_after_s is not None:
        headers["Retry-After"] = str(known.retry_after_s)
    return problem(request, known.status, known.code, errors=errors, fields=vars(error), headers=headers)


def of(error: Exception) -> Refusal:
    """Look a refusal up by its class or the nearest base of it."""
    return next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)


def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what the framework refuses: routing, methods, sizes, parameters, authentication."""
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR and error.status_code not in BY_STATUS:
        return on_any(request, error)
    errors = _parameters(error) if isinstance(error, ValidationException) else None
    code = BY_STATUS.get(error.status_code, "invalid_request")
    return problem(request, error.status_code, code, errors=errors, headers=dict(error.headers or {}))


def _parameters(error: ValidationException) -> list[FieldError]:
    faults = error.extra if isinstance(error.extra, list) else []
    return [
        FieldError(detail=str(fault.get("message", "")), parameter=str(fault.get("key", "")))
        for fault in faults
        if isinstance(fault, dict)
    ]


def on_any(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer what nobody expected: say nothing of the inside, log the trace; "again" where the database says so."""
    error = _first(error)
    if db.passes(error):
        _log.warning("unavailable", error=type(error).__name__, sqlstate=db.sqlstate(error))
        return problem(request, 503, "overloaded", headers={"Retry-After": "1"})
    _log.error("unexpected", error=type(error).__name__, exc_info=error)
    return problem(request, 500, "internal_error")


def _first(error: Exception) -> Exception:
    """Unwrap what went wrong while a story ended, which Litestar gives as a group: what does not pass comes first."""
    while isinstance(error, ExceptionGroup):
        error = min(error.exceptions, key=db.passes)
    return error
