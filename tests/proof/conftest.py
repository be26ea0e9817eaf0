"""Keys in files and in a token: every adapter is put through the same tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proof import hsm
from proof.hsm import HsmKms, Token
from proof.kms import FileKms, Kms
from tests import tokens

#: Opens the same keys again, as another process does.
Open = Callable[[], Kms]


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from tokens.driver(tmp_path_factory.mktemp("softhsm"))


@pytest.fixture
def empty_token(softhsm: Path) -> Token:
    return tokens.new(softhsm)


@pytest.fixture
def token(empty_token: Token) -> Token:
    """Give a token with its first keys."""
    hsm.prepare(empty_token)
    return empty_token


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kms"


@pytest.fixture(params=["files", "pkcs11"])
def opened(request: pytest.FixtureRequest, folder: Path) -> Open:
    """Give what opens one set of keys, in each kind of place."""
    if request.param == "files":
        return lambda: FileKms.open(folder)
    token: Token = request.getfixturevalue("token")
    return lambda: HsmKms(token)


@pytest.fixture
def kms(opened: Open) -> Kms:
    return opened()
