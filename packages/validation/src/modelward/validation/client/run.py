"""A run, as the one who tries it sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelward.core.errors import DataError

if TYPE_CHECKING:
    from modelward.validation.client.objects import Job


class Run:
    """A point to try: take its features, run the system, send what came back.

    `number` is its place in the job, `lease` the token under which it was given out until
    `lease_until` (Unix seconds).
    """

    def __init__(self, job: Job, row: Mapping[str, Any]) -> None:
        self.job = job
        self.number, self.lease = int(row["number"]), str(row["lease"])
        self.lease_until = float(row["lease_until"])
        self._point = dict(row["point"])

    def __repr__(self) -> str:
        return f"Run(number={self.number}, features={self._point})"

    def get_test_features(self) -> dict[str, Any]:
        """Give the inputs to try, by feature name."""
        return dict(self._point)

    def get_result_dict(self) -> dict[str, Any]:
        """Give a dictionary with the outputs' names, to be filled and sent."""
        return dict.fromkeys(self.job.output_names)

    def send(self, output: Mapping[str, Any] | float) -> str:
        """Send the outputs by name (or the number, where there is one output).

        To send the same again changes nothing. Gives "kept", "again", or "repeat" when another client
        had told this run another result. Raises `DataError` for an output that is missing, unknown or
        no finite number, `ConflictError` for a second result that differs.
        """
        given = (
            output if isinstance(output, Mapping) else dict.fromkeys(self.job.output_names, output)
        )
        missing = [str(name) for name, value in given.items() if value is None]
        if missing:
            raise DataError(
                f"expected a number for the outputs {missing}, got none",
                hint="where the system gave no answer, use send_crash(reason).",
            )
        results = {str(name): number(name, value) for name, value in given.items()}
        return self.job.tell(self.number, {"results": results, "lease": self.lease})

    def send_crash(self, reason: str) -> str:
        """Say that the system gave no answer, and why: a result, too, and it counts as failing."""
        return self.job.tell(self.number, {"crash": reason or "no answer", "lease": self.lease})


def number(name: object, value: Any) -> float:
    """Give a number as a float, whatever library it is of. Raises `DataError`."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        found = float(value)
    except (TypeError, ValueError) as error:
        raise DataError(f"expected a number for output '{name}', got {value!r}") from error
    if found != found or found in {float("inf"), float("-inf")}:  # noqa: PLR0124
        raise DataError(
            f"expected a finite number for output '{name}', got {found}",
            hint="where the system gave no answer, tell it as a crash, with the reason.",
        )
    return found
