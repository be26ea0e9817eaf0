"""What every column holds that could hold something personal: the one list that walls, export and canaries go by.

sealed     encrypted for its place under a data key: of a resident, a partner, a card, a message
wrapped    the data keys themselves, under a KEK: app/wrapped.py
blind      keyed hashes, by which an equal value is found without being stored
personal   readable although it says something about a person, and why it has to be
plain      the rest: ids, vocabulary, texts of ours, hashes of what is random, signatures, public keys

Columns that can hold neither text nor bytes (ids, numbers, times) are not listed. tests/walls/test_sealed.py compares
the list with the database, so that a new column is looked at by whoever adds it.
"""

import enum

import msgspec

from app.access import Sees
from app.wrapped import WRAPPED


class Owner(enum.StrEnum):
    """Whose data key seals a column."""

    RESIDENT = "resident"
    PARTNER = "partner"
    CARD = "card"
    MESSAGE = "message"
    #: The key of some hundred people, for screening alone (kyc/screening/cohort.py).
    COHORT = "cohort"
    #: A key of its own, wrapped in the same row.
    ROW = "row"
    #: The same, of a row that is itself a key: what it opens is nobody's.
    KEY = "key"


class Sealed(msgspec.Struct, frozen=True):
    """A sealed column. `row` is the column whose value binds a cell to its row, `person` names whose it is."""

    table: str
    column: str
    row: str
    owner: Owner = Owner.RESIDENT
    person: str | None = None
    sees: Sees | None = None


SEALED = (
    Sealed("kyc.document", "person", row="id", person="resident", sees=Sees.IDENTITY),
    Sealed("kyc.screened", "person", row="resident", owner=Owner.COHORT, person="resident"),
    Sealed("kyc.case_review", "note", row="id", person="resident"),
    Sealed("kyc.case_appeal", "words", row="id", person="resident"),
    Sealed("kyc.alert_act", "note", row="id", person="resident"),
    Sealed("kyc.assessment", "facts", row="id", person="resident", sees=Sees.EVIDENCE),
    Sealed("kyc.declaration", "codes", row="id", person="resident", sees=Sees.EVIDENCE),
    Sealed("kyc.declaration", "words", row="id", person="resident", sees=Sees.EVIDENCE),
    Sealed("kyc.exposure_answer", "found", row="id", person="resident", sees=Sees.EVIDENCE),
    Sealed("kyc.risk_override", "note", row="id", person="resident"),
    Sealed("kyc.evidence", "files", row="document", person="resident", sees=Sees.EVIDENCE),
    Sealed("kyc.file", "content", row="id", person="resident", sees=Sees.EVIDENCE),
    Sealed("kyc.paper", "details", row="id", person="resident", sees=Sees.IDENTITY),
    Sealed("kyc.identifier", "value", row="id", person="resident", sees=Sees.IDENTITY),
    Sealed("app.contact", "value", row="id", person="subject", sees=Sees.CONTACT),
    Sealed("app.passkey", "name", row="device", person="subject"),
    Sealed("app.export", "bundle", row="id", person="holder"),
    Sealed("residency.comment", "sealed", row="id", person="resident"),
    Sealed("wallet.statement", "letterhead", row="id", person="holder"),
    Sealed("wallet.document_part", "body", row="id", person="holder"),
    Sealed("app.restriction_act", "note", row="id", person="holder"),
    Sealed("app.restriction_verdict", "note", row="appeal", person="holder"),
    Sealed("app.restriction_response", "sealed", row="id", person="holder"),
    Sealed("app.restriction_appeal", "sealed", row="id", person="holder"),
    Sealed("app.adjustment", "note", row="id", person="holder"),
    Sealed("app.beneficiary", "details", row="id", person="holder"),
    Sealed("app.bank_account", "details", row="id", person="holder"),
    Sealed("app.bank_statement", "body", row="id", owner=Owner.PARTNER),
    Sealed("app.inbox", "body", row="id", owner=Owner.PARTNER),
    Sealed("app.message", "sealed", row="id", owner=Owner.MESSAGE, person="subject"),
    Sealed("cards.dispute", "words", row="id", person="holder"),
    Sealed("cards.dispute_evidence", "content", row="id", person="holder", sees=Sees.EVIDENCE),
    Sealed("cards.command", "sealed", row="id", person="holder"),
    Sealed("card_vault.pan", "sealed", row="card", owner=Owner.CARD, person="holder"),
    Sealed("card_vault.key", "sealed", row="name", owner=Owner.KEY),
    Sealed("cards.parcel", "address", row="id", person="holder", sees=Sees.CONTACT),
    Sealed("cards.parcel", "tracking", row="id", person="holder", sees=Sees.CONTACT),
    Sealed("cards.bearer", "person", row="card", person="holder", sees=Sees.IDENTITY),
    Sealed("app.payee", "sealed", row="holder", owner=Owner.ROW, person="holder"),
    Sealed("app.payment_note", "sealed", row="id", owner=Owner.ROW, person="holder"),
    Sealed("app.payment_list", "sealed", row="id", person="holder"),
    Sealed("credential.presentation", "sealed", row="id", owner=Owner.ROW),
    Sealed("credential.deferred", "sealed", row="id", owner=Owner.ROW, person="holder"),
    Sealed("credential.shown_code", "sealed", row="id", owner=Owner.ROW, person="holder"),
    Sealed("credential.showing", "sealed", row="id", owner=Owner.ROW, person="holder"),
)


BLIND = {
    "app.contact": "blind",
    "app.security_event": "address",
    "app.sending": "key",
    "card_vault.pan": "blind",
    "cards.listed_person": "blind",
    "kyc.alert": "matched",
    "kyc.claim": "blind",
    "kyc.identifier": "blind",
    "kyc.look": "asked",
    "kyc.screened": "asked",
}

#: Readable although it is of a person: which columns of a table, and why.
PERSONAL = {
    "card_vault.pin": ("pvv", "four digits that verify a PIN under a key of the vault; no login role reads the table"),
    "app.attestation": ("evidence", "what a phone's maker said of the phone; judged within minutes and then emptied"),
    "app.authorization_request": ("covered", "what the person signed, byte for byte; forgotten when the code is"),
    "app.idempotency": ("body", "first answers, for repeats; an answer that names a person is not kept under a key"),
    "app.officer_grant": ("proposed_by approved_by ended_by", "staff, by id"),
    "app.partner": ("name", "a company's name"),
    "wallet.period": ("proposed_by approved_by withdrawn_by", "staff, by id"),
    "app.quota": ("who", "a subject or an address, for a minute"),
    "app.step_up": (
        "covered client_data authenticator_data signature",
        "what the person signed and how, byte for byte: the evidence of a payment or a consent",
    ),
    "app.subject": ("name", "staff and machines; empty for a resident, by a constraint"),
    "app.suspension": ("reason lift_reason", "an officer's words on why somebody was locked out"),
    "cards.change": ("controls trips", "where a card may be used and its holder goes; each decision reads it"),
    "cards.card": ("last4", "PCI DSS 4.0.1, 3.4.1 lets everybody see it"),
    "cards.challenge": ("merchant_name merchant_id merchant_country", "the holder is shown it, and agrees to no more"),
    "cards.token": ("last4 merchant", "the last digits of a token; the one shop where it may be used"),
    "cards.allowance": ("merchant passing", "where a purchase is let pass; each question is held against it"),
    "cards.trusted_shop": ("merchant", "a shop that may ask again; each question is held against it"),
    "cards.rule_result": ("because", "what a rule found suspicious of a payment; officers read it to judge the rule"),
    "cards.velocity": (
        "buckets habits",
        "what a card spent when, where and how; each swipe is held against it",
    ),
    "cards.decision": ("request features", "what was asked with a card and known of it; rules are tried on it"),
    "cards.settlement_record": (
        "merchant_name merchant_id merchant_category merchant_country",
        "what a network settles: of no person without the payment it is compared with",
    ),
    "cards.payment": (
        "merchant_name merchant_id merchant_category merchant_country merchant_city",
        "statements and rules read it",
    ),
    "kyc.alert": (
        "source entity listed list name state",
        "which entry of a published list somebody came near: the queue of those who look; in nobody's own copy",
    ),
    "kyc.check": ("params", "what a check found, without names: tests of kyc/ search it for them"),
    "kyc.assessment": ("unsealed", "what was written in clear before 0043, until the worker has sealed it"),
    "kyc.declaration": ("unsealed", "as kyc.assessment"),
    "kyc.exposure_answer": ("matches", "whom the outside took somebody for: its references and scores, no names"),
    "kyc.risk_override": ("entity", "a reference of the outside that two officers took for somebody else"),
    "kyc.paper": (
        "kind country language translated_to",
        "what a paper is without naming anybody; rules are chosen by it",
    ),
    "kyc.identifier": ("scheme country", "whose kind of number it is; the number is sealed"),
    "kyc.case_decision": ("encoded", "what follows from what was found, in codes: replayed byte for byte"),
    "kyc.document": ("format issuer nationality_class grade", "rules and reports count by it"),
    "residency.application": ("answers receipt", "the purpose and the consents of an application: codes"),
    "residency.comment": ("unsealed", "what was written in clear before 0015, until the worker has sealed it"),
    "residency.status": ("number citizenship", "the number is how the state names an e-resident"),
}

#: Everything else: it says nothing about anybody without the row's ids.
PLAIN = {
    "credential.presentation": "verifier state conclusion response_code_hash",
    "app.access": "actor organisation operation sees purpose",
    "app.adjustment": "kind reason purpose label currency evidence proposed_by decided_by state",  # staff, by id
    "app.allowance_use": "operation",
    "app.anchor": "jws",
    "app.anchor_head": "log hash root",
    "app.anchor_receipt": "sink receipt",
    "app.anchor_sink": "name trouble",
    "app.attestation": "platform client_hash verdict findings",
    "app.authorization_code": "hash client redirect_uri code_challenge jkt configurations provider instance",
    "app.authorization_request": "hash client redirect_uri state code_challenge jkt configurations challenge provider"
    " instance",
    "app.bank_account": "currency state",
    "app.bank_order": "kind currency gets_currency operation rail state bank_reference reason trouble",
    "app.bank_order_step": "act state actor",
    "app.bank_statement": "currency format sha256",
    "app.bank_statement_entry": "reference",  # our keys, and banks' names of payments: no free text
    "app.beneficiary": "bic named",
    "app.challenge": "purpose challenge invitation binding",
    "app.client": "id scopes",
    "app.client_key": "kid thumbprint jwk",
    "app.closure": "state",
    "app.consent": "purpose text_version text_sha256 language client_id",
    "app.contact": "kind language",
    "app.delivery": "state trouble trace",
    "app.event": "kind actor body",
    "app.export": "sha256",
    "app.feed": "source kind actor body hash",
    "app.fx_quote": "bank_quote fixed sells_currency buys_currency rate reference_rate source",
    "app.idempotency": "principal key request_hash headers",
    "app.incoming": "payment_id currency rail stage reason",
    "app.incoming_stage": "stage why",
    "app.inbox": "webhook_id sha256 state kind outcome",
    "app.inbox_conflict": "webhook_id sha256",
    "app.invitation": "hash",
    "app.lease": "name",
    "app.message": "state",
    "app.officer_grant": "duty",
    "app.money_request": "currency state",
    "app.outbox": "source trace",
    "app.own_limit": "name",
    "app.partner": "code kind state base_url country",
    "app.partner_key": "kid",
    "app.partner_payment": "payment_id currency suspended_for",
    "app.passkey": "id public_key removed_why",
    "app.payment_item": "refused",
    "app.payment_list": "currency sha256 state",
    "app.pre_authorized_code": "hash configurations tx_code_hash",
    "app.quota": "policy",
    "app.recovery": "jkt passkey",
    "app.refresh": "hash salt",
    "app.retention": "kind",
    "app.restriction": "reason state",
    "app.restriction_act": "act reason cause proposed_by decided_by",  # staff, by id
    "app.restriction_appeal": "outcome",
    "app.restriction_verdict": "first_officer second_officer decided_by",  # staff, by id
    "app.safeguarding": "outcome sha256 jws",
    "app.security_event": "kind code operation role hash",
    "app.session": "opened_by client_id jkt scope ended_why passkey",
    "app.spent_assertion": "minted_by jti",
    "app.spent_jti": "minted_by jti",
    "app.split": "currency",
    "app.standing_order": "currency frequency days_off state",
    "app.standing_payment": "outcome reason",
    "app.step_up": "operation challenge passkey",
    "app.subject": "role",
    "app.subscription": "url kinds sees trouble",
    "app.suspense_proposal": "action reason proposed_by decided_by verdict",  # staff, by id
    "app.suspension": "suspended_by lift_proposed_by lifted_by",  # staff, by id
    "app.topup": "reference",
    "app.tree_head": "hash kid signature",
    "app.verification": "flow mac",
    "app.wallet_client": "id name redirect_uris provider",
    "app.wallet_provider": "id name root",
    "app.wallet_session": "configurations provider instance",
    "app.wallet_status_list": "uri provider token",
    "cards.backtest": "asked_by report hash",  # staff, by id; counts, and payments by id
    "cards.campaign": "kind basis to_basis notice_version state proposed_by approved_by",  # staff, by id
    "cards.campaign_card": "outcome",
    "cards.card": "form currency issuance_basis notice_version notice_language processor exemption",
    "cards.change": "state actor closed_for suspended issuance_basis notice_version",
    "cards.consent": "notice_version language",
    "cards.decision": "reasons currency",
    "cards.dispute": "network reason currency state turn",
    "cards.dispute_errand": "kind trouble",
    "cards.dispute_evidence": "kind media sha256 given_by",
    "cards.dispute_hop": "act state source why actor",
    "cards.dispute_write_off": "what cause proposed_by decided_by",  # staff, by id
    "cards.rule_result": "action",
    "cards.rule_step": "state drafted_by by_officer",  # staff, by id
    "cards.rule_version": "name body action drafted_by",  # staff, by id
    "cards.settlement_break": "network kind theirs_currency ours_currency owner resolution resolved_by",  # staff, by id
    "cards.settlement_file": "network link currency sha256 state",
    "cards.settlement_match": "outcome ours_currency",
    "cards.settlement_proposal": "resolution evidence proposed_by decided_by",  # staff, by id
    "cards.settlement_record": "kind lifecycle element currency",
    "cards.settlement_refusal": "sha256 network why",
    "cards.settlement_report": "sha256 jws",
    "cards.command": "processor kind state trouble reason",  # codes and places of a processor's refusals, no prose
    "cards.element": "kind source subject reasons operation channel stand_in cause original_currency of",
    "card_vault.key": "name usage zone algorithm check_value",
    "cards.challenge": "network transaction currency",
    "cards.event": "kind actor body",
    "cards.reveal": "jwk",
    "cards.token": "network reference requestor device channels state paused_by decision reasons",
    "cards.link": "confidence",
    "cards.allowance": "reasons network currency",
    "cards.dispute_shown": "reference refused",  # codes and places of a network's refusals, no prose
    "cards.settlement_missing": "network link",
    "cards.exemption": "reason evidence proposed_by decided_by ended_by",  # staff, by id
    "cards.listed_merchant": "merchant reason listed_by ended_by",
    "cards.listed_person": "listing listed_by ended_by",
    "cards.parcel": "carrier state",
    "cards.trusted_shop": "network",
    "cards.velocity": "scope currency",
    "cards.payment": "network lifecycle currency",
    "cards.processor_cursor": "processor",
    "cards.processor_event": "processor event kind about found_by outcome",
    "cards.processor_reference": "processor reference kind status permits",
    "credential.credential": "kind state",
    "credential.event": "kind actor body",
    "credential.foreign_issuer": "name country url vcts doc_types certificates legal_ground status lists_at crl_at"
    " proposed_by decided_by",
    "credential.foreign_issuer_end": "reason ended_by",
    "credential.foreign_list": "uri token trouble",
    "credential.deferred": "hash configuration device grade",
    "credential.issuance": "configuration device notification_hash grade",
    "credential.leaf": "commitment salt",  # from a copy to its entry; gone with the person
    "credential.log_entry": "commitment",
    "credential.log_head": "root prev jws",
    "credential.log_node": "hash",
    "credential.log_waiting": "commitment",
    "credential.notice": "event",
    "credential.showing": "kind question fields verifier",  # a registered client, by its id
    "credential.shown_code": "code_hash kind question session_hash",
    "credential.spent_nonce": "nonce",
    "credential.transition": "act state actor reason",
    "credential.voided": "reason",
    "invest.consent": "actor",
    "invest.consent_text": "body sha256",
    "invest.event": "kind actor body",
    "invest.placement": "currency state bank_reference reason trouble",
    "invest.preview": "quote",
    "invest.product": "code kind jurisdiction currency",
    "invest.terms": "body sha256",
    "invest.transition": "act state actor",
    "kyc.alert": "rules",
    "kyc.alert_act": "act reason proposed_by decided_by",  # staff, by id
    "kyc.check": "name rule inputs_hash verdict evidence",
    "kyc.case": "purpose state decided told",
    "kyc.case_action": "ended_by",
    "kyc.case_decision": "rules outcome digest actor",
    "kyc.case_edge": "before act state",
    "kyc.case_move": "before act state actor reason outcome",
    "kyc.case_review": "verdict reason",
    "kyc.case_rules": "version required bound besides lasts answers answered",
    "kyc.case_verdict": "outcome reason ground",
    "kyc.assessment": "why rules band floor inputs_hash outcome_hash actor",
    "kyc.claim": "kind",
    "kyc.declaration_look": "outcome asks by_officer",  # staff, by id
    "kyc.exposure": "kind trouble",
    "kyc.exposure_answer": "kind vendor version",
    "kyc.risk_backtest": "asked_by report hash",  # staff, by id; counts, and assessments by id
    "kyc.risk_hit": "floor",
    "kyc.risk_override": "what band reason proposed_by decided_by",  # staff, by id
    "kyc.risk_profile": "why review_why",
    "kyc.risk_step": "state drafted_by by_officer",  # staff, by id
    "kyc.risk_version": "rule body drafted_by",  # staff, by id
    "kyc.decision": "outcome reasons rule_version actor",
    "kyc.event": "kind actor body",
    "kyc.face_result": "kind vendor version images outcome",  # digests of pictures
    "kyc.face_session": "state",
    "kyc.file": "media sha256 sent_sha256 removed scan scanner found",
    "kyc.paper": "mark",
    "kyc.paper_verdict": "outcome reason officer",  # staff, by id
    "kyc.list_snapshot": "digest members",
    "kyc.list_source": "source digest etag",
    "kyc.list_edition": "rules",
    "kyc.list_part": "source digest",
    "kyc.listed_entity": "sha256 source entity body",  # of the published lists, of nobody of ours
    "kyc.look": "root leaves",
    "public.alembic_version": "version_num",
    "kyc.spent_challenge": "digest",
    "residency.application": "service state calendar",
    "residency.comment": "audience",
    "residency.decision": "outcome reason ground verdict",
    "residency.event": "kind actor body",
    "residency.finding": "name verdict reason",
    "residency.review": "verdict reason",
    "residency.status": "kind scheme outcome state",
    "residency.status_change": "state actor reason ground",
    "residency.transition": "act state actor reason outcome",
    "wallet.account": "purpose label currency",
    "wallet.address": "iban salt",
    "wallet.block": "root prev hash",
    "wallet.chart": "purpose side owner currency label about",
    "wallet.document": "format language sha256",
    "wallet.event": "kind actor body",
    "wallet.hold": "currency",
    "wallet.lane": "head",
    "wallet.statement": "currency code root",
    "wallet.transfer": "kind currency code reference",
}


def listed() -> dict[tuple[str, str], str]:
    """Give the kind of each column, by table and column; raises ValueError where one is in two places."""
    found: dict[tuple[str, str], str] = {}
    for kind, places in (
        ("sealed", [(each.table, each.column) for each in SEALED]),
        ("wrapped", [(each.table, each.column) for each in WRAPPED]),
        ("blind", _pairs(BLIND)),
        ("personal", _pairs({table: columns for table, (columns, _) in PERSONAL.items()})),
        ("plain", _pairs(PLAIN)),
    ):
        for place in places:
            if place in found:
                raise ValueError(f"{place} is {found[place]} and {kind}")
            found[place] = kind
    return found


def _pairs(columns: dict[str, str]) -> list[tuple[str, str]]:
    return [(table, column) for table, names in columns.items() for column in names.split()]
