"""Write one version into all packages and their pins: python .ci/set_version.py 1.2.3."""

import re
import sys
from pathlib import Path

if len(sys.argv) != 2 or not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", sys.argv[1]):
    sys.exit(f"expected one version such as 1.2.3 or 1.2.3rc1, got {sys.argv[1:]}")
for path in sorted(Path(__file__).resolve().parents[1].glob("packages/*/pyproject.toml")):
    text = path.read_text("utf-8")
    text = re.sub(r'(?m)^version = "[^"]+"', f'version = "{sys.argv[1]}"', text)
    text = re.sub(r'(modelward-[a-z-]+(?:\[[a-z,]+\])?==)[^"]+', rf"\g<1>{sys.argv[1]}", text)
    path.write_text(text, "utf-8")
    print(path.parent.name, sys.argv[1])
