"""One house for all tests of a module, which share its database anyway."""

from tests.app.auth.conftest import app, client, house, settings

__all__ = ["app", "client", "house", "settings"]
