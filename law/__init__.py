"""What the law fixes: money, dated thresholds, the working calendar, the regime. A leaf: knows no other room."""
