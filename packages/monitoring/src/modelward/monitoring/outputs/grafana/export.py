"""All files that watch a fleet: Prometheus, its rules, Alertmanager, Grafana, Compose."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from modelward.core.errors import ConfigError
from modelward.monitoring.outputs.alerts.alertmanager import alertmanager_config
from modelward.monitoring.outputs.alerts.webhook import Webhook
from modelward.monitoring.outputs.files import write_all
from modelward.monitoring.outputs.grafana.boards import dashboards
from modelward.monitoring.outputs.grafana.checks import check_dashboards
from modelward.monitoring.outputs.grafana.compose import DOCKERFILE, GRAFANA_FOLDER, compose
from modelward.monitoring.outputs.grafana.readme import readme
from modelward.monitoring.outputs.rules import rules
from modelward.monitoring.outputs.rules_limits import Limits, Tier, limits_of, seconds, tiers_of
from modelward.monitoring.outputs.rules_tests import rule_tests

if TYPE_CHECKING:
    from modelward.monitoring.fleet.fleet import Fleet

NOTE = "Written by modelward monitoring export-grafana."
JOB = "modelward-monitoring"
_ADDRESS = re.compile(r"([A-Za-z0-9._-]+|\[[0-9a-fA-F:]+\]):(\d{1,5})")
_LABEL_LENGTH = 1_000


def export_grafana(
    folder: str | Path,
    fleet: Fleet | None = None,
    *,
    exporter: str | Sequence[str] = "127.0.0.1:8400",
    prometheus: str = "127.0.0.1:9090",
    alertmanager: str = "127.0.0.1:9093",
    grafana: str = "127.0.0.1:3000",
    interval: str = "1m",
    limits: Limits | None = None,
    tiers: Sequence[Tier] | None = None,
    webhooks: Sequence[Webhook] = (),
    group_wait: str = "30s",
    key_file: str | None = None,
    series_limit: int = 500_000,
    force: bool = False,
) -> list[Path]:
    """Write the files into `folder`, and give their paths.

    Prometheus collects from the `exporter` (host:port, or several over one fleet) every `interval`;
    a page that gives more than `series_limit` series is refused whole. `limits` say when alerts
    fire, and `tiers` how soon for which models; without them they are made from the catalogue of
    `fleet`. The exporter's API key is in the file `key_file`. The same settings give the same bytes.
    Dashboards are checked first (`check_dashboards`).

    Raises `ConfigError` for a setting out of range, and when a file is there that was not written by
    this function or was changed since, unless `force`; `DataError` for dashboards out of order.

    >>> import tempfile
    >>> [path.name for path in export_grafana(tempfile.mkdtemp())][:3]
    ['prometheus.yml', 'recorded.yml', 'recorded_test.yml']
    """
    targets = [exporter] if isinstance(exporter, str) else [*exporter]
    if not targets:
        raise ConfigError("expected the address of an exporter, got none")
    for address in (*targets, prometheus, alertmanager, grafana):
        _check_address(address)
    if seconds(interval) < 1 or series_limit < 1:
        raise ConfigError(
            f"expected an interval and a series_limit above 0, got {interval} and {series_limit}"
        )
    models = () if fleet is None else fleet.models()
    limits = limits or limits_of(models)
    tiers = tiers_of(models) if tiers is None else tuple(tiers)
    made = dashboards()
    check_dashboards(made)
    ruled, tested = rules(limits, tiers), rule_tests(limits, tiers)
    scraped = _prometheus(
        targets,
        alertmanager,
        [*ruled],
        interval=interval,
        key_file=key_file,
        series_limit=series_limit,
    )
    files = {"prometheus.yml": _yaml(scraped)}
    for name, content in ruled.items():
        files[f"rules/{name}.yml"] = _yaml(content)
        files[f"rules/{name}_test.yml"] = _yaml(tested[name])
    files["alertmanager.yml"] = _yaml(alertmanager_config(webhooks, group_wait=group_wait))
    for name, board in made.items():
        files[f"grafana/dashboards/{name}.json"] = json.dumps(board, indent=2) + "\n"
    provisioned = "grafana/provisioning"
    files[f"{provisioned}/datasources/modelward.yml"] = _yaml(
        _datasources(prometheus, alertmanager, interval)
    )
    files[f"{provisioned}/dashboards/modelward.yml"] = _yaml(_provider())
    composed = compose(targets[0], prometheus, alertmanager, grafana, build=len(targets) == 1)
    files["docker-compose.yml"] = _yaml(composed)
    files["Dockerfile"] = f"# {NOTE}\n{DOCKERFILE}"
    files["README.md"] = readme(NOTE, targets, webhooks, key_file)
    return write_all(Path(folder), files, force=force)


def _check_address(text: str) -> None:
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[2]) < 65_536:
        raise ConfigError(
            f"expected an address as host:port, got {text!r}", hint="for example 127.0.0.1:9090."
        )


def _yaml(content: dict[str, Any]) -> str:
    return f"# {NOTE}\n" + yaml.safe_dump(content, sort_keys=False, width=100, allow_unicode=True)


def _prometheus(
    targets: Sequence[str],
    alertmanager: str,
    rule_names: Sequence[str],
    *,
    interval: str,
    key_file: str | None,
    series_limit: int,
) -> dict[str, Any]:
    job: dict[str, Any] = {
        "job_name": JOB,
        "static_configs": [{"targets": [*targets]}],
        "sample_limit": series_limit,
        "label_value_length_limit": _LABEL_LENGTH,
    }
    if key_file is not None:
        job["authorization"] = {"type": "Bearer", "credentials_file": key_file}
    return {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": [f"rules/{name}.yml" for name in rule_names],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [job],
    }


def _datasources(prometheus: str, alertmanager: str, interval: str) -> dict[str, Any]:
    metrics = {
        "name": "modelward",
        "uid": "modelward-prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": f"http://{prometheus}",
        "isDefault": True,
        "jsonData": {
            "timeInterval": interval,
            "httpMethod": "POST",
            "manageAlerts": True,
            "alertmanagerUid": "modelward-alertmanager",
        },
    }
    alerts = {
        "name": "modelward alerts",
        "uid": "modelward-alertmanager",
        "type": "alertmanager",
        "access": "proxy",
        "url": f"http://{alertmanager}",
        "jsonData": {"implementation": "prometheus"},
    }
    return {"apiVersion": 1, "datasources": [metrics, alerts]}


def _provider() -> dict[str, Any]:
    options = {"path": f"{GRAFANA_FOLDER}/dashboards"}
    provider = {"name": "modelward", "folder": "modelward", "type": "file", "options": options}
    return {"apiVersion": 1, "providers": [provider]}
