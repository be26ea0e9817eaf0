"""What runs in the peers' own environment; nothing of the house is imported there, and nothing of it in the house."""
