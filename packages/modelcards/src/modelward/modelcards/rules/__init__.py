"""Rules: what a card must be and should say, one rule a file."""
