"""What the GitHub Action runs: the cards checked, and GitHub told in each way it listens."""
