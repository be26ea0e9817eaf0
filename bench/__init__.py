"""Measurements, each against a peer or a raw limit in the same run: `make bench`, `make bench ONLY=wallet`.

A group is a module here with `async def rows(ground: Ground) -> list[Row]`; bench/run.py finds it by its name.
"""
