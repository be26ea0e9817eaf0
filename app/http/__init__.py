"""HTTP: one folder per audience, and what all of them share (ids, wire types, paging)."""
