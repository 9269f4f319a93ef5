"""The views: what stands on each page."""
