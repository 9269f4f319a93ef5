"""The report of a study: a page, and the evidence record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modelward.core.evidence import Artifact, Evidence, Metric, Subject
from modelward.core.metrics import Estimate
from modelward.core.optional import installed_version
from modelward.core.pages import (
    Block,
    Figure,
    Notice,
    Page,
    Prose,
    Section,
    Table,
    Tile,
    Tiles,
    svg,
)
from modelward.validation.certainty import Certificate
from modelward.validation.domain import Output
from modelward.validation.result import StudyResult
from modelward.validation.settings import StudySettings
from modelward.validation.words import percent

if TYPE_CHECKING:
    from modelward.validation.explain import Explanation


def page(result: StudyResult, explanation: Explanation | None = None) -> Page:
    """Give the self-contained page of a study, with its explanation where there is one."""
    explained = []
    if explanation is not None:
        from modelward.validation.report_explained import sections

        explained = sections(explanation)
    return Page(
        title=f"Validation of {result.name}",
        lead=f"Where it fails, found with {result.n} runs, of which {result.failures} failed; "
        f"{result.stopped}.",
        blocks=[
            *summary_blocks(result),
            Section("What is proven", [Prose(result.certificate.in_words()), _proven(result)]),
            Section("What is not known", [Prose(line) for line in result.unknown]),
            *explained,
            Section("How it was found", [_standings(result), _settings(result), _runs(result)]),
        ],
        footer=f"modelward-validation {installed_version('modelward-validation')}",
    )


def summary_blocks(result: StudyResult) -> list[Block]:
    """Give the figures, the failing regions and the map."""
    picture = Figure(
        svg(result.plot()),
        result.boundary.in_words(),
        "Shaded: held for failing. Line: the boundary. Band: undecided. Runs are projected onto the "
        "slice.",
    )
    return [_tiles(result), *_rules(result), picture]


def evidence(result: StudyResult, *, artifacts: Sequence[Artifact] = ()) -> Evidence:
    """Give the sealed record of a study."""
    c = result.certificate
    targets = [output["certainty_target"] for output in result.config["outputs"]]
    certainty = Metric.of(
        "proven_certainty", c.certainty, higher_is_better=True, limit=max(targets), unit="ratio"
    )
    return Evidence.create(
        kind="validation.job",
        subject=Subject(name=result.name),
        tool="modelward-validation",
        config={**result.config, "stopped": result.stopped},
        seed=result.seed,
        metrics=[
            Metric.of("failure_share", result.failure_share, higher_is_better=False, unit="ratio"),
            Metric.of("verdict_error", c.error, higher_is_better=False, unit="ratio"),
            Metric.of("missed_failure", c.missed, higher_is_better=False, unit="ratio"),
            Metric.of("false_alarm", c.false_alarm, higher_is_better=False, unit="ratio"),
            Metric.of("called_safe", c.called_safe, higher_is_better=False, unit="ratio"),
            certainty,
            Metric.of("self_assessed_certainty", result.self_assessed, unit="ratio"),
            Metric.of("runs", result.n),
            Metric.of("failed_runs", result.failures),
        ],
        findings=[
            *(f"fails where {rule}" for rule in result.rules),
            *([] if result.rules else ["no failing region found"]),
            *(f"holds where {rule}" for rule in result.safe),
            c.in_words(),
            *(f"not known: {line}" for line in result.unknown),
        ],
        artifacts=artifacts,
    )


def log_to_mlflow(result: StudyResult, run_id: str, *, tracking_uri: str | None = None) -> None:
    """Log the record with its figures, the page and the runs to a run of MLflow."""
    from modelward.core.optional import require

    require("mlflow", feature="logging to MLflow", install="'./packages/validation[mlflow]'")
    from mlflow.tracking import MlflowClient

    result.to_evidence().log_to_mlflow(run_id, tracking_uri=tracking_uri)
    client = MlflowClient(tracking_uri=tracking_uri)
    client.log_text(run_id, page(result).render(), "validation/validation.html")
    client.log_text(run_id, result.to_json(), "validation/validation.json")


def _tiles(result: StudyResult) -> Tiles:
    c, share = result.certificate, result.failure_share
    return Tiles(
        [
            Tile("Runs", str(result.n), f"{result.failures} failed"),
            Tile(
                "Failing share",
                percent(share.value, 1),
                f"proven: {_range(share)}",
            ),
            Tile("Proven certainty", percent(c.certainty, 1), f"{c.n} audit points"),
            Tile("Self-assessed certainty", percent(result.self_assessed, 1), "proves nothing"),
        ]
    )


def _rules(result: StudyResult) -> list[Block]:
    rows = [
        (
            "fails" if rule.fails else "holds",
            rule.condition,
            percent(rule.precision),
            percent(rule.support, 1),
            percent(rule.coverage),
            f"{rule.told[1]} of {rule.told[0]}",
            "–" if rule.checked is None else f"{rule.checked.n} runs: {_range(rule.checked)}",
        )
        for rule in (*result.rules, *result.safe)
    ]
    columns = ("it", "where", "of the region", "of the space", "of all such", "runs", "audited")
    table = [Table("Where it fails and where it holds", columns, rows)] if rows else []
    nothing = [] if result.rules else [Notice("No failing region was found.", "neutral")]
    return [*nothing, *table]


def _proven(result: StudyResult) -> Table:
    c: Certificate = result.certificate
    rows = [
        (what, percent(e.value, 1) if e.n else "–", _range(e))
        for what, e in (
            ("wrong verdict", c.error),
            ("fails, called safe", c.missed),
            ("safe, called failing", c.false_alarm),
            ("fails, of what is called safe", c.called_safe),
            ("fails", c.failure_share),
        )
    ]
    title = f"Shares of the space, bounds valid at every look ({percent(c.level)} each)"
    return Table(title, ("it", "in the audit", "proven"), rows)


def _standings(result: StudyResult) -> Table:
    rows = [
        (output, s.name, f"{s.log_loss:.3f}" if s.n else "–", s.n, percent(s.weight), s.born)
        for output, standings in result.standings.items()
        for s in standings
    ]
    title = "The models' forecasts, scored before each result was told"
    return Table(
        title,
        ("output", "model", "log loss", "forecasts", "say in verdicts", "joined at run"),
        rows,
    )


def _settings(result: StudyResult) -> Table:
    rows = [
        *(("feature", f"{f['name']}: {_span(f)}") for f in result.config["features"]),
        *(("constraint", text) for text in result.config["constraints"]),
        *(
            ("output", f"{o['name']}: correct {Output.from_dict(o).in_words()}")
            for o in result.config["outputs"]
        ),
        ("inputs in operation", _law(result.config["distribution"])),
        *(
            (name.replace("_", " "), str(result.config[name]))
            for name in StudySettings.__dataclass_fields__
            if result.config[name] is not None
        ),
    ]
    return Table("Settings", ("setting", "value"), rows)


def _range(estimate: Estimate) -> str:
    low, high = estimate.low or 0.0, 1.0 if estimate.high is None else estimate.high
    return f"{percent(low, 1)} to {percent(high, 1)}"


def _span(feature: dict[str, Any]) -> str:
    if "levels" in feature:
        return f"one of {', '.join(map(str, feature['levels']))}"
    return f"{feature['lower']:g} to {feature['upper']:g}, {feature.get('scale', 'whole')}"


def _law(distribution: dict[str, Any] | None) -> str:
    if distribution is None:
        return "uniform on each feature's scale"
    if distribution["kind"] == "FieldSamples":
        return f"as in {len(distribution['points'])} samples of the field"
    return "; ".join(
        f"{name}: {law['kind']}({', '.join(f'{v}' for k, v in law.items() if k != 'kind')})"
        for name, law in distribution["laws"].items()
    )


def _runs(result: StudyResult) -> Table:
    outputs = [o["name"] for o in result.config["outputs"]]
    names = ["run", *(f["name"] for f in result.config["features"]), *outputs, "kind"]
    shown = result.runs[-200:]
    rows = [
        (
            *(run[name] for name in names),
            "crashed" if run["crash"] else ("failed" if run["failed"] else "passed"),
        )
        for run in shown
    ]
    return Table(f"The last {len(shown)} runs", (*names, "outcome"), rows)
