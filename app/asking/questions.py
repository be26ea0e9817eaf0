"""Every question there is, each added by the module that answers it."""

from app.asking import documents, issuance, names, packs, presentations, printed
from app.asking.command import Commands


def add(commands: Commands) -> None:
    """Add the questions to the commands of `eresidency`."""
    documents.add(commands)
    issuance.add(commands)
    names.add(commands)
    packs.add(commands)
    presentations.add(commands)
    printed.add(commands)
