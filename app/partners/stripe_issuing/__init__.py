"""Stripe Issuing behind the port of cards/processing/processor.py: off unless an installation names its programme.

Stripe issues cards in 22 countries (the euro area, the United Kingdom, the United States) and not in Kazakhstan, in
EUR, GBP and USD and not in KZT. So this is for a programme of the operator in one of those countries, and for
e-residents who live there; a programme that names Kazakhstan is refused at the start. Nothing of it was ever run
against Stripe itself: tests drive the SDK against a server of their own (docs/cards/stripe.md).

client     the SDK, imported here only and only when the programme is on; its errors as answers
issuer     the port: cardholders, cards, controls, disputes, sessions, events
request    may the merchant have the money? answered while Stripe waits
events     what Stripe tells, kept once by its name
merging    the state of a purchase there, as facts of the payment here
repair     what Stripe told and we did not hear
"""
