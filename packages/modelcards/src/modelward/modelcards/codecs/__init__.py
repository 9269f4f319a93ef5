"""Codecs: how a card is read and written, losing nothing of how it was written."""
