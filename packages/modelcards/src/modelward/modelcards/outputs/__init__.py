"""How findings leave: for a person, JSON, SARIF, GitHub annotations, JUnit."""
