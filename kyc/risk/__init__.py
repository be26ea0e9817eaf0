"""How risky a relation is: rules over facts, where the money comes from, who is in public office, when to look again.

Knows no names: what the outside is asked about a person, and what it answers in words, `app` seals and opens.
"""
