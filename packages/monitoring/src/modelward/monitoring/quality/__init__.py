"""Quality: what a window's data must be like, learned from the reference and edited by people."""
