"""Verifying: what a card claims, the evidence it names, and how each claim stands on it."""
