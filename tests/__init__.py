"""The tests mirror the packages; `journeys` are stories across them."""
