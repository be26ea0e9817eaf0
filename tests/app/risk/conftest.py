"""An installation that asks a vendor who is in public office and what was published of people."""

from collections.abc import Iterator

import msgspec
import pytest

from app.settings import Settings
from simulators.exposure import Vendor
from simulators.faults import Faults
from tests.kyc.passports import authority
from tests.partners import vendors


@pytest.fixture(scope="module")
def vendor() -> Vendor:
    return Vendor(Faults())


@pytest.fixture(scope="module")
def vendor_url(vendor: Vendor) -> Iterator[str]:
    with vendors.serving(vendor) as url:
        yield url


@pytest.fixture
def settings(settings: Settings, vendor_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.getbasetemp() / "csca-risk"
    if not folder.exists():
        authority().export(folder)
    return msgspec.structs.replace(settings, csca_folder=folder, exposure_url=vendor_url)
