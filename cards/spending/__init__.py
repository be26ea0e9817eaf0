"""What a card has spent and usually does: counters by window, turnover of the programme, features for rules."""
