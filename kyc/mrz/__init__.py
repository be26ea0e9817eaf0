"""The machine readable zone of travel documents and visas (ICAO Doc 9303 parts 3 to 7)."""

from kyc.mrz.birth import Birth
from kyc.mrz.digit import over as check_digit
from kyc.mrz.layout import TRAVEL
from kyc.mrz.zone import Mrz, Problem, Unreadable, parse

__all__ = ["TRAVEL", "Birth", "Mrz", "Problem", "Unreadable", "check_digit", "parse"]
