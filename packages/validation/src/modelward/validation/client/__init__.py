"""The client: systems, scenarios and jobs on a server, or in a store of one's own.

It has the shape of the original tool's public interface, and DataFrames beside it.
"""
