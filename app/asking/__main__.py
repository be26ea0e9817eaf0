"""Answer without the rest of the application, as in `python -m app.asking mrz LINE`."""

import sys
from argparse import ArgumentParser

import app.asking
from app.asking import questions


def main(words: list[str]) -> int:
    """Answer one question; the exit code."""
    parser = ArgumentParser(prog="python -m app.asking", description=app.asking.__doc__)
    questions.add(parser.add_subparsers(required=True, metavar="QUESTION"))
    given = parser.parse_args(words)
    answered: int = given.answer(given)
    return answered


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
