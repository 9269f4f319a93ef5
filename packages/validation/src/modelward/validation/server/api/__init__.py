"""The server over HTTP: thin, for every rule lives in the service and the store."""
