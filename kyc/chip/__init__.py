"""The chip of a travel document (ICAO Doc 9303 parts 10 to 12): what its files prove, and what they do not."""
