"""What is asked of a wallet before it gets a copy, and what it says of it afterwards (OpenID4VCI 1.0)."""
