"""What the questions have in common: how they are registered, how their files are read, how they are answered."""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _SubParsersAction
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"

IN_ORDER, NOT_IN_ORDER = 0, 1

_FILE_BYTES_MAX = 64 * 1024 * 1024


class Unasked(Exception):
    """What was given, taken together, is no question."""


def register(parser: ArgumentParser, ask: Callable[[Namespace], tuple[msgspec.Struct, bool]]) -> None:
    """Let `parser`'s command be answered by `ask`, which gives the answer and whether all is in order."""

    def answer(given: Namespace) -> int:
        try:
            told, in_order = ask(given)
            said = msgspec.json.encode(told)
        except Unasked as why:
            parser.error(str(why))
        except UnicodeEncodeError:  # bytes of the command line that are no text come as such, and come back in answers
            parser.error("an argument is not UTF-8")
        try:
            sys.stdout.buffer.write(msgspec.json.format(said, indent=2) + b"\n")  # UTF-8, whatever the terminal takes
            sys.stdout.flush()
        except OSError as error:
            parser.error(f"the answer could not be written: {error.strerror}")
        return IN_ORDER if in_order else NOT_IN_ORDER

    parser.set_defaults(answer=answer)


def content(name: str) -> bytes:
    """Read a file named in the arguments, of at most 64 MB; what can't be read is said by argparse, exit code 2."""
    path = Path(name)
    try:
        with path.open("rb") as file:
            read = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ArgumentTypeError(f"{name}: {error.strerror}") from error
    except ValueError as error:  # a zero byte in the name
        raise ArgumentTypeError(f"{name!r}: no name of a file") from error
    if len(read) > _FILE_BYTES_MAX:
        raise ArgumentTypeError(f"{name}: over {_FILE_BYTES_MAX >> 20} MB")
    return read
