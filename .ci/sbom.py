"""Print what modelward is made of, as a CycloneDX 1.6 document: the packages and all they need.

Follows the declared dependencies of the packages, extras included, through what is installed here.
"""

import json
import re
import sys
import uuid
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement

OWN = ["core", "adaptive-pipeline", "adversarial", "modelcards", "monitoring", "validation"]


def canonical(name: str) -> str:
    """Give the name as an index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(name: str, extras: frozenset[str]) -> list[Requirement]:
    """Give what an installed distribution needs here, with these extras."""
    found = []
    for line in distribution(name).requires or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": e}) for e in ("", *extras)):
            found.append(requirement)
    return found


todo = [
    (
        f"modelward-{n}",
        frozenset(distribution(f"modelward-{n}").metadata.get_all("Provides-Extra") or []),
    )
    for n in OWN
]
edges: dict[str, set[str]] = {}
seen = set()
while todo:
    name, extras = todo.pop()
    if (name, extras) in seen:
        continue
    seen.add((name, extras))
    below = edges.setdefault(name, set())
    try:
        wanted = needed(name, extras)
    except PackageNotFoundError:
        print(f"not installed, left without what it needs: {name}", file=sys.stderr)
        continue
    for requirement in wanted:
        below.add(canonical(requirement.name))
        todo.append((canonical(requirement.name), frozenset(requirement.extras)))


def component(name: str) -> dict[str, object]:
    """Describe one distribution."""
    try:
        meta = distribution(name).metadata
    except PackageNotFoundError:
        return {"type": "library", "bom-ref": name, "name": name}
    purl = f"pkg:pypi/{name}@{meta['Version']}"
    found = {"type": "library", "bom-ref": name, "name": name, "version": meta["Version"]}
    said = meta.get("License-Expression")
    licences = {"licenses": [{"expression": said}]} if said else {}
    # The six are on no index: a purl would name a stranger's package.
    return found | licences | ({} if name.startswith("modelward-") else {"purl": purl})


print(
    json.dumps(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": f"urn:uuid:{uuid.uuid4()}",
            "version": 1,
            "metadata": {
                "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
                "component": {
                    "type": "application",
                    "bom-ref": "modelward",
                    "name": "modelward",
                    "version": distribution("modelward-core").version,
                },
            },
            "components": [component(name) for name in sorted(edges)],
            "dependencies": [
                {"ref": "modelward", "dependsOn": [f"modelward-{n}" for n in sorted(OWN)]},
                *({"ref": n, "dependsOn": sorted(edges[n])} for n in sorted(edges)),
            ],
        },
        indent=1,
    )
)
