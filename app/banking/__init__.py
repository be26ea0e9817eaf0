"""What residents do with banks: money in and out, own accounts there, exchange; and that all of it is there."""
