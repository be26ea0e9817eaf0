"""One process on a developer's machine, with all it needs: `make serve`, `make worker`.

    python -m app.alone serve --port 9000
    . .data/alone/environment                   the same settings for a shell, where `eresidency` then knows them

Starts PostgreSQL in `.data/alone` (unless DATABASE_URL names one), brings the schema up to date and becomes the
command. Several share the installation; the last to end stops the server. Whatever the environment sets
(`ERESIDENCY_…`) stays as it is.
"""

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from app import cli, embedded

FOLDER = Path(".data/alone")


@contextlib.contextmanager
def installed(folder: Path, arguments: list[str]) -> Iterator[None]:
    """Set in the environment what is not set yet, with a server that runs."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("ERESIDENCY_ENVIRONMENT", "demo")
    os.environ.setdefault("ERESIDENCY_KEYS", str(folder / "keys"))
    _address(folder / "port", arguments)
    with contextlib.ExitStack() as stack:
        if not {"DATABASE_URL", "ERESIDENCY_DATABASE_URL", "ERESIDENCY_DATABASE_URL_FILE"} & os.environ.keys():
            server = stack.enter_context(embedded.shared(folder / "postgres"))
            os.environ["ERESIDENCY_DATABASE_URL"] = server.url
        _write(folder / "environment")
        yield


def _address(noted: Path, arguments: list[str]) -> None:
    """Call the installation what its API listens on: tokens and proofs of keys are made for this address."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--port")
    port = parser.parse_known_args(arguments)[0].port
    if "serve" in arguments:
        noted.write_text(port or "8000")
    elif not noted.exists():
        return
    os.environ.setdefault("ERESIDENCY_ISSUER", f"http://127.0.0.1:{noted.read_text()}")
    os.environ.setdefault("ERESIDENCY_ORIGINS", f"http://localhost:{noted.read_text()}")


def _write(file: Path) -> None:
    """Write the settings down for a shell, where tokens are minted with them (docs/testing.md)."""
    told = {name: text for name, text in os.environ.items() if name.startswith("ERESIDENCY_") or name == "DATABASE_URL"}
    file.touch(mode=0o600)
    file.write_text("".join(f"export {name}={shlex.quote(text)}\n" for name, text in sorted(told.items())))


def main(arguments: list[str]) -> int:
    """Run the command."""
    with installed(FOLDER, arguments):
        return cli.run(["db", "upgrade"]) or cli.run(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
