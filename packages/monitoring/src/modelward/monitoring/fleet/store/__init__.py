"""The store: what is kept of a fleet, in one database."""
