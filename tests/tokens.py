"""A software HSM for tests: SoftHSM 2, where it is installed."""

import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pkcs11
import pytest

from proof.hsm import Token

#: Where Debian, Fedora and Homebrew put it.
_DRIVERS = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
_numbers = itertools.count(1)


def driver(folder: Path) -> Iterator[Path]:
    """Give the driver's library, its tokens in `folder`; skips the test where there is none."""
    module = next((Path(path) for path in _DRIVERS if Path(path).exists()), None)
    if module is None:
        pytest.skip("needs the PKCS#11 token SoftHSM 2: apt-get install softhsm2")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        yield module


def new(module: Path) -> Token:
    """Make a token without keys."""
    label, pin = f"eresidency-{os.getpid()}-{next(_numbers)}", "271828"
    command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", pin, "--pin", pin]
    subprocess.run(command, check=True, capture_output=True)
    pkcs11.lib(str(module)).reinitialize()  # SoftHSM lists its tokens when it starts
    return Token(module, label, lambda: pin)
