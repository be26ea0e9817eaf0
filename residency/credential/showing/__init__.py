"""The resident shows something of the ID to whoever stands there: as a code of the app, or as a code on paper."""
