"""Money moves: accounts, transfers, holds and the chain that proves them. Knows no other package but the leaves."""
