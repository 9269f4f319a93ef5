"""The schema: what a card may hold, section by section, open to what others add."""

SCHEMA_VERSION = "modelward/1"
"""What new cards say they are written for."""
