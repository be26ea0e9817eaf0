"""The lists people are screened against: read as their publishers write them, stored by content, in force together.

formats.py    what the publisher wrote, as entities
snapshot.py   versions of a list, by the digests of their entities
edition.py    the versions in force together, by number
"""
