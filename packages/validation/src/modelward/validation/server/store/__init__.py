"""The store of the validation server: one database, in which all state is."""
