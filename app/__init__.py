"""The only room with windows: HTTP comes in, partners are called, the clock is read, and the packages meet."""
