"""Which columns something vouches for, and which nothing does, with the reason.

tests/app/verify/test_coverage.py compares this with the database: a table of history or a column that is in neither
list fails it, and every column listed as covered is flipped by tests/app/verify/test_tampering.py.
"""

from collections.abc import Mapping

from app.verify.blocks import LEAF
from app.verify.log import FEED, SECURITY

_EVENT = ("id", "aggregate", "version", "holder", "kind", "actor", "at", "body")
#: The schemas whose journals the feed repeats.
ROOMS = ("app", "cards", "credential", "invest", "kyc", "residency", "wallet")

COVERED: Mapping[str, frozenset[str]] = {
    FEED.table: frozenset({*FEED.columns, "hash"}),
    SECURITY.table: frozenset({*SECURITY.columns, "hash"}),
    "app.anchor": frozenset({"no", "minute", "jws"}),
    "app.anchor_head": frozenset({"anchor", "log", "position", "hash", "after", "root"}),
    **{f"{room}.event": frozenset(_EVENT) for room in ROOMS},
    "wallet.lane": frozenset({"lane", "seq", "block", "head"}),
    "wallet.block": frozenset({"lane", "no", "first_seq", "last_seq", "root", "prev", "hash", "at"}),
    # The leaf; and the running totals, which follow from it.
    "wallet.transfer": frozenset(
        {
            *LEAF,
            "debit_version",
            "credit_version",
            "debit_posted",
            "credit_posted",
            "debit_hold_out",
            "credit_hold_in",
        }
    ),
    "wallet.holder": frozenset({"holder", "lane", "opened_at"}),
    "wallet.account": frozenset(
        {
            "lane",
            "id",
            "holder",
            "purpose",
            "label",
            "currency",
            "floor",
            "posted",
            "hold_out",
            "hold_in",
            "version",
            "opened_at",
            "closed_at",
        }
    ),
    "wallet.chart": frozenset({"purpose", "side", "owner", "floor", "currency", "label", "about"}),
    "wallet.address": frozenset({"account", "lane", "holder", "iban", "issued_at", "salt"}),
    "wallet.period": frozenset(
        {
            "id",
            "closed_until",
            "proposed_by",
            "proposed_at",
            "approved_by",
            "approved_at",
            "withdrawn_by",
            "withdrawn_at",
        }
    ),
    "wallet.statement": frozenset(
        {
            "id",
            "holder",
            "lane",
            "account",
            "currency",
            "code",
            "begins_on",
            "ends_on",
            "final",
            "opening_version",
            "closing_version",
            "opening",
            "closing",
            "made_at",
            "entries",
            "credits",
            "debits",
            "root",
        }
    ),
    "credential.leaf": frozenset({"commitment", "list", "idx", "issuance", "holder"}),
    "credential.log_entry": frozenset({"position", "commitment"}),
    "credential.log_node": frozenset({"level", "idx", "hash"}),
    "credential.log_head": frozenset({"size", "root", "prev", "jws"}),
    "wallet.linked": frozenset({"lane", "id", "transfers", "total", "at"}),
    "wallet.hold": frozenset({"lane", "id", "debit", "credit", "currency", "amount", "remaining"}),
}

#: Columns of covered tables that nothing vouches for.
NOT_COVERED: Mapping[str, str] = {
    **{f"{room}.event.seq": "where the queue finds the row; the order is that of the feed" for room in ROOMS},
    "wallet.lane.opens": "which wallets come to a lane; those it has are told by their events",
    "wallet.lane.relayed": "how far the relay has come; what is missing from the feed is found there",
    "wallet.statement.letterhead": "sealed with its holder's key for this row and no other",
    "wallet.statement.due_at": "when the worker reads a long one; what it then finds is computed again",
    "credential.leaf.salt": "the entry holds it together with the copy, which only the wallet has: its receipt tells",
    "wallet.hold.expires_at": "until when a hold can be captured; what then becomes of it is a transfer",
}

_BEHIND = "what an event was made from; the event names it and is in the feed"
_SEALED = "sealed or hashed by itself; the decision made from it is an event"
_TERMS = "published texts and terms; each is known by the hash of its content, which consents and events name"

#: Tables of history that are not in COVERED.
TABLES_NOT_COVERED: Mapping[str, str] = {
    "app.idempotency": "answers kept for repeats; the effects are events and transfers",
    "app.tree_head": "signs the feed's head between two anchors; what is there is checked, what is gone, anchors state",
    "app.anchor_receipt": "the notary's word, signed by it; whoever doubts asks the notary",
    **dict.fromkeys(
        ("wallet.closing", "wallet.value_shift"), "drawn from transfers, and drawn again by app/verify/closings.py"
    ),
    **dict.fromkeys(
        ("app.bank_statement", "app.bank_statement_entry"), "a bank's file, known by the hash that an event names"
    ),
    **dict.fromkeys(
        ("cards.settlement_record", "cards.settlement_refusal"),
        "a card network's file, known by the hash that an event names",
    ),
    "cards.settlement_match": "drawn from records and payments; the day's report counts it",
    "cards.settlement_report": "signed by itself; an event names its hash",
    "cards.rule_result": "drawn from decisions and rules, and drawn again by a backtest (cards/rules/backtest.py)",
    "app.safeguarding": "signed by itself; an event names its hash",
    "app.access": "who opened whose data: kept for the person to read, not chained",
    **dict.fromkeys(
        ("kyc.list_snapshot", "kyc.listed_entity", "kyc.list_edition", "kyc.list_part"),
        "published lists, known by the hash of their content, which an event names",
    ),
    **dict.fromkeys(
        ("kyc.case_edge", "kyc.case_rules"),
        "moves and rules in code, written by their revision; a test compares the two",
    ),
    "kyc.look": "leaves under a root that an event names (kyc/screening/proof.py)",
    **dict.fromkeys(("cards.bearer", "cards.dispute_evidence", "kyc.document", "kyc.evidence", "kyc.claim"), _SEALED),
    **dict.fromkeys(("invest.consent_text", "invest.product", "invest.terms"), _TERMS),
    **dict.fromkeys(
        (
            "app.bank_order_step",
            "app.consent",
            "app.fx_quote",
            "app.inbox_conflict",
            "app.incoming_stage",
            "app.partner_payment",
            "app.restriction_response",
            "app.restriction_verdict",
            "app.split",
            "app.standing_payment",
            "app.topup",
            "cards.card",
            "cards.change",
            "cards.consent",
            "cards.decision",
            "cards.dispute_hop",
            "cards.dispute_shown",
            "cards.element",
            "cards.link",
            "cards.payment",
            "cards.rule_step",
            "cards.rule_version",
            "credential.copy",
            "credential.foreign_issuer_end",
            "credential.issuance",
            "credential.notice",
            "credential.transition",
            "credential.voided",
            "invest.consent",
            "invest.preview",
            "invest.transition",
            "kyc.assessment",
            "kyc.case_appeal",
            "kyc.case_decision",
            "kyc.case_move",
            "kyc.case_review",
            "kyc.case_verdict",
            "kyc.check",
            "kyc.decision",
            "kyc.declaration",
            "kyc.declaration_look",
            "kyc.exposure_answer",
            "kyc.face_result",
            "kyc.paper",
            "kyc.paper_file",
            "kyc.paper_verdict",
            "kyc.risk_hit",
            "kyc.risk_step",
            "kyc.risk_version",
            "residency.decision",
            "residency.finding",
            "residency.review",
            "residency.status_change",
            "residency.transition",
        ),
        _BEHIND,
    ),
}
