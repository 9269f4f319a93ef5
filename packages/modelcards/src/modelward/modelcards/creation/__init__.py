"""Creating cards: what tools know is filled in, what only a person knows is a TODO."""
