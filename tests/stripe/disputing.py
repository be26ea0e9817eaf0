"""What Stripe does with disputes and the files they rest on."""

from tests.stripe import fixtures
from tests.stripe.fake import Fake, Object, Refusal

_FILES = frozenset({"additional_documentation", "cash_receipt", "card_statement", "check_image"})


async def upload(fake: Fake, _: list[str], params: Object) -> Object:
    """Keep a file."""
    content = params["file"].encode("latin-1")
    if not content:
        raise Refusal(400, "invalid_request_error", "file_empty", "file")
    named = {"filename": fake.uploading, "size": len(content), "purpose": params["purpose"]}
    made = fixtures.like("file", id=fake.name("file"), created=fake.now, **named)
    fake.objects[made["id"]] = made
    fake.files[made["id"]] = content
    return made


async def create_dispute(fake: Fake, _: list[str], params: Object) -> Object:
    """Open a dispute."""
    transaction = fake.find(params["transaction"], "ipi")
    evidence = params.get("evidence", {})
    for name, said in evidence.get(evidence.get("reason", ""), {}).items():
        if name in _FILES:
            fake.find(said, "file")
    if transaction["dispute"]:
        raise Refusal(400, "invalid_request_error", "already_disputed", "transaction")
    made = fixtures.like(
        "issuing.dispute",
        id=fake.name("idp"),
        created=fake.now,
        amount=params.get("amount", -transaction["amount"]),
        currency=transaction["currency"],
        evidence=params.get("evidence", {}),
        metadata=params.get("metadata", {}),
        transaction=transaction["id"],
        status="unsubmitted",
    )
    transaction["dispute"] = made["id"]
    fake.objects[made["id"]] = made
    fake.tell("issuing_dispute.created", made)
    return made


async def submit_dispute(fake: Fake, parts: list[str], _: Object) -> Object:
    """Hand a dispute to the network."""
    dispute = fake.find(parts[0], "idp")
    if dispute["status"] != "unsubmitted":
        raise Refusal(400, "invalid_request_error", "dispute_submitted")
    dispute["status"] = "submitted"
    fake.tell("issuing_dispute.submitted", dispute)
    return dispute
