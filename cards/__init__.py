"""Cards: what they are, what a merchant may take with them, and what the card network tells us. Stands on wallet."""
