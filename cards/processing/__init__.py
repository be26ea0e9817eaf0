"""The port to whoever processes a card, and what leaves the house for them."""
