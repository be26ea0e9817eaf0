"""Defects planted in copies of our own code: what a proof is run against, to show that it would catch them.

A proof that passes whatever the code does proves nothing. So each defect takes one check out of the very module that is
proved, and the same corpus, run against the copy, must let something through.
"""

import inspect
from types import ModuleType
from typing import Any


def planted(module: ModuleType, check: str, instead: str) -> Any:  # noqa: ANN401  a module like `module`
    """Give a copy of `module` in which the text `check`, which stands there once, is `instead`."""
    source = inspect.getsource(module)
    assert source.count(check) == 1, f"{check!r} stands {source.count(check)} times in {module.__name__}"
    copy = ModuleType(module.__name__)
    copy.__file__ = module.__file__
    exec(compile(source.replace(check, instead), f"{module.__file__} with a defect", "exec"), vars(copy))  # noqa: S102  our own source
    return copy
