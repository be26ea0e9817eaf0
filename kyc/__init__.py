"""Is this person who they say, and may we deal with them? Documents, chip, screening.

Knows no other package but the leaves; what it decides, `app` passes on as values (kyc/standing.py).
"""
