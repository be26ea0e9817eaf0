"""Cards where they meet the rest of the house: verbs of batches, steps of the worker, our own processor."""
