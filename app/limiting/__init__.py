"""What a resident may spend, explained, and what they set for themselves."""
