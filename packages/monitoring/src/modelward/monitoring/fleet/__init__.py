"""Fleet: many models, one list of alarms."""
