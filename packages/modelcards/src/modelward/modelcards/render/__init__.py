"""Rendering: the card as a page for people."""
