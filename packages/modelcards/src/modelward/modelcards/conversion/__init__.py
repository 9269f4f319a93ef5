"""Converting: other formats to cards and back, naming each field that is dropped."""
