"""Sources: tables in whatever form they come, taken chunk by chunk."""
