"""The life of an account: what a person agreed to, gets a copy of, how long it is kept, how it ends and is erased."""
