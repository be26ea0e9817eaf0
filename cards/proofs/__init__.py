"""How a card and its holder prove themselves: numbers, PINs, cryptograms, tokens, challenges."""
