"""Under which rules cards are issued and live: the programme, caps, orders, changes, terms, campaigns."""
