"""Everything we hold of a person as one JSON document: their rows of every table, what was sealed opened.

asks     app/account/export.py    step()
reads    app/account/bundle.py    made()         <- you are here

It is read with the person's own eyes: as the role `api`, speaking for them (app/db.py), so the walls of the database
decide what they see. What they must not learn stays out by the same wall that keeps it out of every answer: what
screening found (tipping-off, AIFC AML Rules, chapter 13), what officers wrote to each other, looks not shown yet.

A table with a wall is either in ROWS or in LEFT_OUT, which says why, and every column of bytes is opened, hidden or
said to be plain: tests/app/account/test_bundle.py compares them with the database.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import rowkey, sealed
from app.http import ids
from app.sealed import Owner
from app.vault import Vault
from cards.payments.reason import Reason, spoken
from proof.kms import Kms

FORMAT = "eresidency-export/1"

#: Tables of the person's rows, and the column that names the person.
ROWS = {
    "app.subject": "id",
    "app.passkey": "subject",
    "app.session": "subject",
    "app.step_up": "subject",
    "app.contact": "subject",
    "app.recovery": "subject",
    "app.attestation": "subject",
    "app.access": "person",
    "app.consent": "holder",
    "app.closure": "holder",
    "app.export": "holder",
    "app.feed": "holder",
    "app.security_event": "subject",
    "app.partner_payment": "holder",
    "app.bank_account": "holder",
    "app.beneficiary": "holder",
    "app.fx_quote": "holder",
    "app.bank_order": "holder",
    "app.bank_order_step": "holder",
    "app.topup": "holder",
    "app.incoming": "holder",
    "app.incoming_stage": "holder",
    "app.allowance_use": "holder",
    "app.own_limit": "holder",
    "app.restriction": "holder",
    "app.restriction_response": "holder",
    "app.restriction_appeal": "holder",
    "kyc.document": "resident",
    "kyc.evidence": "resident",
    "kyc.file": "resident",
    "kyc.paper": "resident",
    "kyc.paper_file": "resident",
    "kyc.paper_verdict": "resident",
    "kyc.face_session": "resident",
    "kyc.identifier": "resident",
    "kyc.check": "resident",
    "kyc.decision": "resident",
    "kyc.case": "resident",
    "kyc.case_verdict": "resident",
    "kyc.case_appeal": "resident",
    "kyc.declaration": "resident",
    "kyc.declaration_look": "resident",
    "kyc.identity_review": "resident",
    "residency.application": "resident",
    "residency.transition": "resident",
    "residency.comment": "resident",
    "residency.decision": "resident",
    "residency.status": "resident",
    "residency.status_change": "resident",
    "credential.credential": "holder",
    "credential.transition": "holder",
    "credential.issuance": "holder",
    "app.wallet_session": "subject",
    "credential.copy": "holder",
    "credential.voided": "holder",
    "credential.leaf": "holder",
    "credential.notice": "holder",
    "credential.showing": "holder",
    "wallet.holder": "holder",
    "wallet.account": "holder",
    "wallet.closing": "holder",
    "wallet.value_shift": "holder",
    "wallet.statement": "holder",
    "wallet.document": "holder",
    "wallet.address": "holder",
    "app.payee": "holder",
    "app.payment_note": "holder",
    "app.split": "holder",
    "app.money_request": "holder",
    "app.blocked": "holder",
    "app.standing_order": "holder",
    "app.standing_payment": "holder",
    "app.payment_list": "holder",
    "app.payment_item": "holder",
    "cards.card": "holder",
    "cards.change": "holder",
    "cards.term": "holder",
    "cards.parcel": "holder",
    "cards.bearer": "holder",
    "cards.verification": "holder",
    "cards.consent": "holder",
    "cards.campaign_card": "holder",
    "cards.payment": "holder",
    "cards.element": "holder",
    "cards.decision": "holder",
    "cards.dispute": "holder",
    "cards.dispute_hop": "holder",
    "cards.dispute_evidence": "holder",
    "cards.link": "holder",
    "cards.allowance": "holder",
    "cards.token": "holder",
    "cards.trusted_shop": "holder",
    "cards.challenge": "holder",
    "cards.processor_reference": "holder",
    "invest.consent": "holder",
    "invest.preview": "holder",
    "invest.placement": "holder",
    "invest.transition": "holder",
}
#: Tables whose rows name accounts: what moved and what is held, on either side of the person's own.
MOVES = {"wallet.transfer": ("debit", "credit"), "wallet.hold": ("debit",)}

#: Walled tables that are no part of the copy, and why.
LEFT_OUT = {
    "app.event": "the same facts are in app.feed",
    "cards.event": "the same facts are in app.feed",
    "credential.event": "the same facts are in app.feed",
    "invest.event": "the same facts are in app.feed",
    "kyc.event": "the same facts are in app.feed",
    "residency.event": "the same facts are in app.feed",
    "wallet.event": "the same facts are in app.feed",
    "app.idempotency": "answers the person's app has had, of things that are here themselves",
    "app.resident_key": "opens what is shown here opened; of no use to anybody outside",
    "app.refresh": "secrets of sessions, which are here",
    "app.invitation": "secrets, good for a day",
    "app.pre_authorized_code": "secrets, good for minutes",
    "app.authorization_code": "secrets, good for minutes",
    "credential.deferred": "what a wallet waits for is in app.feed; its keys are the wallet's",
    "app.verification": "secrets, good for minutes",
    "credential.shown_code": "secrets, good for minutes; who scanned them is in credential.showing",
    "app.message": "codes on their way, good for minutes",
    "app.delivery": "a partner's: which events of the feed it was sent",
    "app.subscription": "a partner's",
    "app.bank_statement": "a bank's",
    "app.safeguarding": "what a bank keeps for everybody",
    "app.inbox": "a partner's: what it wrote; the payments it made are here",
    "app.inbox_conflict": "a partner's",
    "app.partner_key": "a partner's",
    "app.client_key": "a partner's, regulator's or service's",
    "app.officer_grant": "an officer's",
    "app.suspension": "officers' (tipping-off); that sign-in was stopped and when is in app.subject",
    "app.restriction_act": "officers' (tipping-off); the restriction is here",
    "app.restriction_verdict": "officers' (tipping-off); how an appeal ended is in app.restriction_appeal",
    "app.adjustment": "officers'; the transfer that corrected is in wallet.transfer",
    "app.suspense_proposal": "officers'; what became of the payment is in app.incoming",
    "cards.dispute_errand": "what a card network is told of a dispute, which is here",
    "cards.dispute_write_off": "officers'; that the operator bore something is in app.feed",
    "cards.settlement_break": "officers'; of payments, which are here",
    "cards.settlement_file": "a card network's",
    "cards.settlement_proposal": "officers'; of payments, which are here",
    "cards.settlement_refusal": "a card network's",
    "cards.settlement_report": "a card network's",
    "cards.settlement_missing": "a card network's",
    "cards.reveal": "looks of the last day, to be counted; that there was one is in app.feed",
    "cards.velocity": "sums of payments, which are here",
    "cards.command": "what a processor of cards is asked, until it has answered: cards and persons who are here",
    "cards.rule_version": "officers' (tipping-off): by what payments are judged",
    "cards.rule_step": "officers' (tipping-off): by what payments are judged",
    "cards.rule_result": "officers' (tipping-off): what was suspected; how a payment was answered is here",
    "cards.backtest": "officers'; counts over everybody's payments",
    "cards.exemption": "officers'; that a card is of one is in cards.card",
    "cards.listed_person": "officers' (tipping-off): found by a digest, of people who need not be ours",
    "wallet.period": "officers'; of nobody",
    "kyc.face_result": "how near a picture came helps to try the next one; how it ended is in kyc.face_session",
    "kyc.case_move": "officers' (tipping-off); what the person may see of it is in app.feed",
    "kyc.case_decision": "officers' (tipping-off): what was decided is in kyc.decision",
    "kyc.case_review": "officers' (tipping-off); how the case was decided is in kyc.case_verdict",
    "kyc.case_action": "officers': who was working on the case",
    "kyc.screened": "which lists a person was looked up in is not theirs to know (tipping-off)",
    "kyc.look": "when and in which lists a person was looked up is not theirs to know (tipping-off)",
    "kyc.alert": "officers' (tipping-off)",
    "kyc.alert_act": "officers' (tipping-off)",
    "kyc.risk_version": "officers' (tipping-off): by what relations are judged",
    "kyc.risk_step": "officers' (tipping-off): by what relations are judged",
    "kyc.risk_backtest": "officers'; counts over everybody's relations",
    "kyc.assessment": "officers' (tipping-off): how a relation was judged",
    "kyc.risk_hit": "officers' (tipping-off): how a relation was judged",
    "kyc.risk_override": "officers' (tipping-off): their word in the place of what was computed",
    "kyc.risk_profile": "officers' (tipping-off): its dates tell the judgement; kyc.identity_review is here",
    "kyc.exposure": "officers' (tipping-off): that the outside is asked",
    "kyc.exposure_answer": "officers' (tipping-off): what the outside answered",
    "residency.review": "officers' (tipping-off); the decision is here",
    "wallet.document_part": "copies of statements, which are here, for a week",
    "residency.finding": "officers' (tipping-off); the decision is here",
}

#: Columns that are no part of the copy: they find or hold something and tell nothing.
HIDDEN = {
    ("app.contact", "blind"),
    ("app.export", "bundle"),
    ("app.payment_note", "wrapped"),
    ("app.payee", "wrapped"),
    ("credential.showing", "wrapped"),
    ("app.security_event", "address"),
    ("app.session", "jkt"),
    # Files as large as photos: each is given as it was handed in, by GET /v1/disputes/{id}/evidence/{id}.
    ("cards.dispute_evidence", "content"),
    # Each is given as it is kept, by GET /v1/identity/files/{id}/content.
    ("kyc.file", "content"),
    ("kyc.identifier", "blind"),
    ("kyc.paper_verdict", "officer"),
    # What officers noted.
    ("app.restriction_act", "note"),
    ("app.restriction_verdict", "note"),
    ("app.adjustment", "note"),
    ("kyc.declaration_look", "by_officer"),
    ("kyc.risk_override", "note"),
    ("kyc.exposure_answer", "found"),
    ("residency.comment", "unsealed"),
    ("kyc.case_review", "note"),
    ("kyc.alert_act", "note"),
    # How many moves a case made, and where exactly it stands, tells an alert from another review (tipping-off).
    *(("kyc.case", name) for name in ("state", "version", "records", "decisions", "decided", "due_at")),
    *(("kyc.case_verdict", name) for name in ("sort", "round", "records", "first_officer", "second_officer")),
    ("kyc.case_appeal", "sort"),
    ("wallet.document_part", "body"),
    ("cards.command", "sealed"),
    # By what rules of risk judge: not the person's to know (tipping-off).
    ("cards.decision", "features"),
}

#: Columns of reasons that are told in the words every other answer of ours uses (tipping-off).
SPOKEN = {("cards.decision", "reasons"), ("cards.element", "reasons")}

#: What is opened for its owner: how it was sealed (app/sealed.py).
OPENED = {
    (each.table, each.column): each
    for each in sealed.SEALED
    if each.table in ROWS and each.owner in {Owner.RESIDENT, Owner.ROW} and (each.table, each.column) not in HIDDEN
}


async def made(db: AsyncConnection, kms: Kms, keys: Vault, holder: UUID, at: datetime) -> bytes:
    """Write the copy as JSON; the story speaks for `holder`."""
    tables = {name: await _rows(db, kms, keys, name, holder) for name in ROWS}
    accounts = [row["id"] for row in tables["wallet.account"]]
    for name, sides in MOVES.items():
        tables[name] = await _moves(db, name, sides, accounts)
    return msgspec.json.encode(
        {
            "format": FORMAT,
            "made_at": at,
            "person": ids.show("resident", holder),
            "left_out": LEFT_OUT,
            "tables": tables,
        },
        order="deterministic",
    )


async def _rows(db: AsyncConnection, kms: Kms, keys: Vault, table: str, holder: UUID) -> list[dict[str, Any]]:
    query = text(f"SELECT * FROM {table} WHERE {ROWS[table]} = :holder")  # noqa: S608  names of ROWS
    rows = (await db.execute(query, {"holder": holder})).mappings()
    return [_shown(table, dict(row), kms, keys) for row in rows]


async def _moves(db: AsyncConnection, table: str, sides: tuple[str, ...], accounts: list[UUID]) -> list[dict[str, Any]]:
    mine = " OR ".join(f"{side} = ANY (:accounts)" for side in sides)
    query = text(f"SELECT * FROM {table} WHERE {mine} ORDER BY lane, id")  # noqa: S608  names of MOVES
    return [dict(row) for row in (await db.execute(query, {"accounts": accounts})).mappings()]


def _shown(table: str, row: Mapping[str, Any], kms: Kms, keys: Vault) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if (table, name) not in HIDDEN}
    for name, value in shown.items():
        how = OPENED.get((table, name))
        if how is not None and value is not None:
            opener = rowkey.opened(kms, table, row[how.row], row) if how.owner is Owner.ROW else keys
            shown[name] = _opened(opener.open(value, table=table, column=name, row=row[how.row]))
        elif (table, name) in SPOKEN and value is not None:
            shown[name] = [str(reason) for reason in spoken(map(Reason, value))]
    return shown


def _opened(plain: bytes) -> object:
    """Read what was sealed: JSON where it is an object, a text else."""
    return json.loads(plain) if plain.startswith(b"{") else plain.decode()
