"""Settlement: what a card network says it took and gave, line by line, against what we booked; and who owes what."""
