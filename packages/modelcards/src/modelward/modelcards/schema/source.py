"""Where a number comes from, and the records a card rests on."""

from __future__ import annotations

from modelward.modelcards.schema.base import Open, Text, field, many


class Source(Open):
    """Where a number comes from: an evidence record, an MLflow run, or a file.

    Of a record: `record` is its path relative to the card, `digest` its seal, `metric` (and `slice`)
    the number. Of a run: `run` is its id, `metric` the metric's name. Of any JSON or YAML file:
    `file` is its path relative to the card, `sha256` its digest, `pointer` the JSON pointer (RFC
    6901) of the number. `commit` is the git commit of the code that measured it.
    """

    record: Text | None = field("Path of an evidence record, relative to the card.")
    digest: Text | None = field("The record's seal: sha256:…")
    run: Text | None = field("The id of an MLflow run.")
    file: Text | None = field("Path of a JSON or YAML file, relative to the card.")
    sha256: Text | None = field("SHA-256 of that file.")
    pointer: Text | None = field("JSON pointer (RFC 6901) of the number in that file.")
    metric: Text | None = field("The metric's name in the record or run.")
    slice: Text | None = field("The part of the data, where the record names it otherwise.")
    commit: Text | None = field("Git commit of the code that measured the number.")


class Omission(Open):
    """A number of a record that the card leaves out on purpose, and why."""

    metric: Text
    slice: Text | None = field("The part of the data.")
    reason: Text | None = field("Why the card does not show it.")


class EvidenceReference(Open):
    """A witness the card rests on: an evidence record with what it found, or an MLflow run.

    A record says what it measured, and its seal keeps it: a number of it that the card does not
    give, and does not name under `omits`, counts as left out. Of a run, `metrics` names what the card claims.
    """

    record: Text | None = field("Path of the record, relative to the card.")
    digest: Text | None = field("The record's seal: sha256:…")
    run: Text | None = field("The id of an MLflow run.")
    metrics: list[Text] = many("The metrics of the run that the card claims.")
    kind: Text | None = field("The kind of record, as adversarial.assessment.")
    findings: list[Text] = many("What the record found, word for word.")
    omits: list[Omission] = many("Numbers of the record that the card leaves out, with the reason.")
