"""Attacks: one a file; settings in the constructor, data in the call."""
