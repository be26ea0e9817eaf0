"""Corrections of wallets by two officers."""
