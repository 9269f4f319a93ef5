"""JSONPath, as rules use it: RFC 9535 with Spectral's `~`, `^` and `@property`, in bounded work."""
