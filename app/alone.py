"""One process on a developer's machine, with all it needs: `make serve`, `make worker`.

    python -m app.alone serve --port 8000

Starts PostgreSQL in `.data/alone` (unless DATABASE_URL names one), makes a password for the roles, brings the schema up
to date and becomes the command. Several share the installation; the last to end stops the server. Whatever the
environment sets (`ERESIDENCY_…`) stays as it is.
"""

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from app import cli, embedded

FOLDER = Path(".data/alone")


@contextlib.contextmanager
def installed(folder: Path) -> Iterator[None]:
    """Set in the environment what is not set yet, with a server that runs."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("ERESIDENCY_ENVIRONMENT", "demo")
    os.environ.setdefault("ERESIDENCY_KEYS", str(folder / "keys"))
    os.environ.setdefault("ERESIDENCY_ROLE_PASSWORD", _password(folder / "role.password"))
    if {"DATABASE_URL", "ERESIDENCY_DATABASE_URL", "ERESIDENCY_DATABASE_URL_FILE"} & os.environ.keys():
        yield
        return
    with embedded.shared(folder / "postgres") as server:
        os.environ["ERESIDENCY_DATABASE_URL"] = server.url
        yield


def _password(file: Path) -> str:
    with (
        contextlib.suppress(FileExistsError),
        os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new,
    ):
        new.write(secrets.token_urlsafe(32))
    return file.read_text()


def main(arguments: list[str]) -> int:
    """Run the command."""
    with installed(FOLDER):
        return cli.run(["db", "upgrade"]) or cli.run(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
