"""Which code can open another's vault: everything from which a path of calls leads to one function, read from the code.

A function counts as called where its name is mentioned, so a callback or an entry of a table is a call too.
"""

import ast
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
VAULT = "app.vault.look"
_METHOD = "any."
#: How each of those is asked whose row tests/walls/test_access_log.py reads.
OPENING: dict[str, tuple[str, str, dict[str, object] | None]] = {
    "getCase": ("GET", "/v1/officer/cases/{case}", None),
    "reviewCase": ("POST", "/v1/officer/cases/{case}/reviews", {"decision": "approve"}),
    "proposeRestriction": (
        "POST", "/v1/officer/restrictions", {"resident": "{resident}", "cause": "list_match", "note": "a hint"},
    ),
    "readRestriction": ("GET", "/v1/officer/restrictions/{restriction}", None),
    "proposeRestrictionAct": (
        "POST", "/v1/officer/restrictions/{restriction}/acts", {"act": "lift", "note": "a hint"},
    ),
    "decideAppeal": ("POST", "/v1/officer/appeals/{appeal}/decision", {"outcome": "upheld", "note": "a hint"}),
    "proposeAdjustment": (
        "POST", "/v1/officer/adjustments",
        {"resident": "{resident}", "kind": "credit", "reason": "goodwill", "evidence": "CASE-1", "amount_minor": 1,
         "purpose": "adjustment", "note": "a hint"},
    ),
    "getAdjustment": ("GET", "/v1/officer/adjustments/{adjustment}", None),
}  # fmt: skip
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Code:
    """The functions of `app`, which alone knows vaults, and who mentions whom; both as `module.function`.

    `instead` holds the text of files that are read in place of those that are there.
    """

    def __init__(self, instead: Mapping[str, str] | None = None) -> None:
        self.callers: dict[str, set[str]] = defaultdict(set)
        self.operations: dict[str, str] = {}
        self.methods: dict[str, str] = {}
        texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py")}
        for place, source in sorted((texts | dict(instead or {})).items()):
            self._read(Path(place), source)

    def reaching(self, target: str) -> set[str]:
        """Give every function from which `target` can be reached."""
        found: set[str] = set()
        waiting = {target}
        while waiting:
            found |= waiting
            asked = waiting | {self.methods[each] for each in waiting if each in self.methods}
            waiting = {caller for each in asked for caller in self.callers[each]} - found
        return found - {target}

    def opening(self, target: str = VAULT) -> set[str]:
        """Give the ids of the operations that can reach `target`."""
        return {self.operations[each] for each in self.reaching(target) if each in self.operations}

    def _read(self, path: Path, source: str) -> None:
        tree = ast.parse(source)
        parts = path.with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        names = _imported(tree)
        methods = [each for node in tree.body if isinstance(node, ast.ClassDef) for each in node.body]
        self.methods |= {f"{module}.{name}": f"{_METHOD}{name}" for node in methods for name in _named(node)}
        for node in (*tree.body, *methods):
            for name in _named(node):
                for mentioned in _mentioned(node, module, names):
                    self.callers[mentioned].add(f"{module}.{name}")
            if isinstance(node, Function) and (operation := _operation(node)) is not None:
                self.operations[f"{module}.{node.name}"] = operation


def _named(node: ast.stmt) -> list[str]:
    """Name what a statement defines: a function, or a table that holds functions."""
    if isinstance(node, Function):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _imported(tree: ast.Module) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
    return names


def _mentioned(node: ast.AST, module: str, names: dict[str, str]) -> set[str]:
    found = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id in names:
            found.add(f"{names[each.value.id]}.{each.attr}")
        elif isinstance(each, ast.Attribute):  # a method, whose class the text alone doesn't tell: any of this name
            found.add(f"{_METHOD}{each.attr}")
        elif isinstance(each, ast.Name):
            found.add(names.get(each.id, f"{module}.{each.id}"))
    return found


def _operation(function: Function) -> str | None:
    for decorator in function.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else []:
            if keyword.arg == "operation_id" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return None


@cache
def code() -> Code:
    """Read the code once."""
    return Code()
