"""The catalogue: a static site over thousands of cards, made anew only where something changed."""
