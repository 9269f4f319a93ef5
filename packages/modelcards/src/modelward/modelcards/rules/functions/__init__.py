"""What a rule can ask of a value: one small function each, found by name in `registry`."""
