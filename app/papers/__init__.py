"""What papers, files and faces need from outside: a scanner, vendors, the person's case; kyc/papers decides."""
