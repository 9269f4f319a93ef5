"""Sketch: the small, mergeable summary of a table that is all monitoring ever keeps."""
