"""The log of issuance: a tree that only grows, and what anybody can check of it without us."""
