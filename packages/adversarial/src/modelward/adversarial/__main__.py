"""`python -m modelward.adversarial config.yml`: do what the configuration's `task.type` says."""

from __future__ import annotations

import sys

from modelward.core.errors import ModelwardError


def main(arguments: list[str]) -> int:
    """Run one configuration; give the exit code: 0 done, 2 not."""
    from modelward.adversarial.configuration import load_config
    from modelward.adversarial.modes import run

    if len(arguments) != 1:
        sys.stderr.write("usage: python -m modelward.adversarial config.yml\n")
        return 2
    try:
        sys.stdout.write(f"{run(load_config(arguments[0]))}\n")
    except ModelwardError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
