"""Alembic revisions, written as SQL: one PostgreSQL schema per package, walls from `migrations/walls.py`."""
