"""The pages of the server: drawn on it, read without a network, kept current by a small script."""
