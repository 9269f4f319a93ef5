"""Drift: how far two sketches of a column lie apart, one method a file."""
