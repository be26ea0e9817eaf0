"""A verifier asks and judges (OpenID4VP 1.0): what is wanted, how it is asked, and what came proves check by check."""
