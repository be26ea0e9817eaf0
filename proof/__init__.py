"""What can be proved: hash chains, Merkle receipts, signatures, sealed fields. A leaf: knows no other room."""
