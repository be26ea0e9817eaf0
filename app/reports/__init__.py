"""What regulators are told, one file per report: a function of the feed up to a position, and of nothing else."""
