"""Free balances placed with partner banks, of one's own will (Decree 1242, D2.5). Stands on wallet, calls nobody."""
