"""Disputes: a cardholder says that a payment is not right, and the money goes back and forth until it is decided."""
