"""Every question there is, each added by the module that answers it."""

from app.asking import documents, names, packs
from app.asking.command import Commands


def add(commands: Commands) -> None:
    """Add the questions to the commands of `eresidency`."""
    documents.add(commands)
    names.add(commands)
    packs.add(commands)
