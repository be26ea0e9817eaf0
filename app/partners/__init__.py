"""Partners: who they are, what they tell us by signed webhook, what we tell them, and the adapters that call them."""
