"""Fleet: many models, one list of alarms, and what is kept of them."""
