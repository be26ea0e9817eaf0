"""Wallets that come for credentials: who vouches for them, what their sessions are for."""
