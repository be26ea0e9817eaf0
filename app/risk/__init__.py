"""Risk where the rooms meet: what is known is gathered, judged, reported to the case, and looked at again in time."""
