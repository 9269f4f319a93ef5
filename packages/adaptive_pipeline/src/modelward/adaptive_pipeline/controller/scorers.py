"""The versions a controller has loaded, and the processes that answer for some of them."""

from __future__ import annotations

from collections.abc import Collection

from modelward.adaptive_pipeline.host import Host
from modelward.adaptive_pipeline.registry import Registry
from modelward.adaptive_pipeline.scorer import Scorer


class Scorers:
    """Loads each version once: `inside` this process, or `outside` in a child process of its own.

    What runs outside can hang, crash or fill its memory without harm here. With `isolate=False`,
    or a registry that no other process can load from, both are the same.
    """

    def __init__(self, registry: Registry, *, isolate: bool, deadline: float = 1.0) -> None:
        self.registry = registry
        self.deadline = deadline
        self.isolate = isolate and registry.portable
        self._inside: dict[str, Scorer] = {}
        self._hosts: dict[str, Host] = {}

    def inside(self, version: str) -> Scorer:
        """Give a version loaded in this process."""
        if version not in self._inside:
            self._inside[version] = self.registry.load(version)
        return self._inside[version]

    def outside(self, version: str) -> Scorer:
        """Give a version that answers from a process of its own."""
        if not self.isolate:
            return self.inside(version)
        if version not in self._hosts:
            self._hosts[version] = Host(self.registry, version, timeout=max(5.0, self.deadline))
        return self._hosts[version].scorer

    def keep(self, versions: Collection[str | None]) -> None:
        """Let go of all others."""
        self._inside = {v: scorer for v, scorer in self._inside.items() if v in versions}
        for version in [v for v in self._hosts if v not in versions]:
            self._hosts.pop(version).close()
