"""The only room with windows: HTTP comes in, partners are called, the clock is read, and the packages meet."""

import gc

# What is imported stays: looking through all of it for cycles while it grows is a quarter of the work of starting.
# How much new there is before it is looked through, and how often what is older is.
gc.set_threshold(20_000, 50, 100)
