"""What status a person holds, what they may ask of the state, and what is owed to them while they wait.

A room without windows: it decides and stores. What `kyc` knows about a person reaches it as values, through `app`.
"""
