"""Numbers that stand for a person: a list with a scheme, checked for slips of the pen and read for nothing else."""
