"""What residents do with money: find a payee, ask for money, share a bill, pay on a date, pay many at once."""
