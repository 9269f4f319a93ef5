"""Comparing: two cards by what they mean, and one card with what a regulation asks for."""
