"""Where the resident's ID meets the other rooms, wallets, verifiers and the clock."""
