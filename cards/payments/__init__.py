"""What is asked for and taken with a card: messages, payments as running sums, the decision, and its postings."""
