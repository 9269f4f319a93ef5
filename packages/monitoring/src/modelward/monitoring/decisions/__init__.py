"""Decisions: which differences are more than chance, and large enough to matter."""
