"""Sign-in: passkeys, device-bound tokens, sessions, step-up, and the guard that reads each route's scope."""
