"""Rules of risk: what they may ask and do, how they come into force, what they found, and how they are tried."""
