"""Outputs: what others read of the decisions: metrics, plots, pages."""
