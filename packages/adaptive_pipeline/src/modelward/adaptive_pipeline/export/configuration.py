"""The configuration of Prometheus, Alertmanager and Grafana for a loop, as files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from modelward.adaptive_pipeline.export.dashboard import dashboard
from modelward.adaptive_pipeline.export.files import write_all
from modelward.adaptive_pipeline.export.readme import readme
from modelward.adaptive_pipeline.export.rule_tests import rule_tests
from modelward.adaptive_pipeline.export.rules import RETRAIN, Limits, rules, seconds
from modelward.core.errors import ConfigError

_NOTE = "Written by modelward pipeline export-config."
_ADDRESS = re.compile(r"(?:(https?)://)?([^\s/:@\[\]]+|\[[0-9a-fA-F:]+\]):(\d{1,5})/?")
_GRAFANA = "/etc/grafana"


def export_config(
    folder: str | Path,
    *,
    name: str = "modelward",
    gateway: str | Sequence[str] = "127.0.0.1:8000",
    prometheus: str = "127.0.0.1:9090",
    alertmanager: str = "127.0.0.1:9093",
    interval: str = "15s",
    limits: Limits | None = None,
    secret_file: str = "alert-secret",  # noqa: S107 - where it lies, not the secret
    key_file: str | None = None,
    force: bool = False,
) -> list[Path]:
    """Write the files into `folder`, and give their paths.

    Prometheus collects from the `gateway` (host:port, with `https://` before it where TLS ends; or
    several over one store) every `interval` and labels what it finds `model=name`. When the
    champion's loss is too high by the `limits`, Alertmanager calls the first gateway's
    `/hooks/alerts`. The webhook's secret is in the file `secret_file`, the gateway's API key in
    `key_file`; both are read by the servers, never here. The same settings give the same bytes.

    Raises `ConfigError` for a setting out of range, and when a file is there that was not written by
    this function or was changed since, unless `force`.

    >>> import tempfile
    >>> [path.name for path in export_config(tempfile.mkdtemp())][:3]
    ['prometheus.yml', 'rules.yml', 'rules.test.yml']
    """
    limits = limits or Limits()
    gateways = [gateway] if isinstance(gateway, str) else list(gateway)
    schemes, targets = zip(*map(_address, gateways), strict=True) if gateways else ((), ())
    _check(name=name, schemes=schemes, interval=interval)
    scheme, places = schemes[0], [_address(each)[1] for each in (prometheus, alertmanager)]
    files = {
        "prometheus.yml": _yaml(
            _prometheus(name, scheme, targets, places[1], interval=interval, key_file=key_file)
        ),
        "rules.yml": _yaml(rules(limits)),
        "rules.test.yml": _yaml(rule_tests(limits)),
        "alertmanager.yml": _yaml(_alertmanager(f"{scheme}://{targets[0]}", secret_file, interval)),
        "grafana/provisioning/datasources/modelward.yml": _yaml(_datasource(places[0], interval)),
        "grafana/provisioning/dashboards/modelward.yml": _yaml(_provider()),
        "grafana/dashboards/pipeline.json": json.dumps(dashboard(name, about=_NOTE), indent=2)
        + "\n",
        "docker-compose.yml": _yaml(_compose(*places)),
        "README.md": readme(_NOTE, targets[0], secret_file, key_file),
    }
    return write_all(Path(folder), files, force=force)


def _check(*, name: str, schemes: Sequence[str], interval: str) -> None:
    if not name or not name.isprintable():
        raise ConfigError(f"expected a printable name of the model, got {name!r}")
    if len(set(schemes)) != 1:
        raise ConfigError(
            f"expected gateways that are all http or all https, got {list(schemes) or 'none'}"
        )
    if seconds(interval) <= 0:
        raise ConfigError(f"expected an interval above 0, got {interval}")


def _address(text: str) -> tuple[str, str]:
    """Give scheme and host:port."""
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[3]) < 65_536:
        raise ConfigError(
            f"expected an address as host:port, got {text!r}",
            hint="for example 127.0.0.1:8000 or https://models.example.org:443.",
        )
    return found[1] or "http", f"{found[2]}:{found[3]}"


def _yaml(content: dict[str, Any]) -> str:
    return f"# {_NOTE}\n" + yaml.safe_dump(content, sort_keys=False, width=100, allow_unicode=True)


def _prometheus(
    name: str,
    scheme: str,
    gateways: Sequence[str],
    alertmanager: str,
    *,
    interval: str,
    key_file: str | None,
) -> dict[str, Any]:
    found = {"targets": list(gateways), "labels": {"model": name}}
    job: dict[str, Any] = {"job_name": "modelward", "scheme": scheme, "static_configs": [found]}
    if key_file is not None:
        job["authorization"] = {"type": "Bearer", "credentials_file": key_file}
    return {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [job],
    }


def _alertmanager(gateway: str, secret_file: str, interval: str) -> dict[str, Any]:
    hook = {
        "url": f"{gateway}/hooks/alerts",
        "send_resolved": False,
        "http_config": {"authorization": {"type": "Bearer", "credentials_file": secret_file}},
    }
    route = {
        "receiver": "people",
        "group_by": ["model", "alertname"],
        "group_wait": interval,
        "group_interval": interval,
        "repeat_interval": "4h",
        "routes": [{"receiver": "retraining", "matchers": [f'action="{RETRAIN}"']}],
    }
    return {
        "route": route,
        # What is down makes more than one alarm; the others would only hide it.
        "inhibit_rules": [
            {
                "source_matchers": ['severity="critical"'],
                "target_matchers": ['severity="warning"', f'action!="{RETRAIN}"'],
                "equal": ["model"],
            }
        ],
        "receivers": [{"name": "people"}, {"name": "retraining", "webhook_configs": [hook]}],
    }


def _datasource(prometheus: str, interval: str) -> dict[str, Any]:
    source = {
        "name": "modelward",
        "uid": "modelward-prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": f"http://{prometheus}",
        "isDefault": True,
        "jsonData": {"timeInterval": interval, "httpMethod": "POST"},
    }
    return {"apiVersion": 1, "datasources": [source]}


def _provider() -> dict[str, Any]:
    options = {"path": f"{_GRAFANA}/dashboards"}
    return {
        "apiVersion": 1,
        "providers": [{"name": "modelward", "type": "file", "options": options}],
    }


def _compose(prometheus: str, alertmanager: str) -> dict[str, Any]:
    """Everything on the host's own network: an address means the same for all, and stays private."""

    def server(name: str, image: str, address: str, *more: str) -> dict[str, Any]:
        listen = f"--web.listen-address={address}"
        return {
            "image": image,
            "network_mode": "host",
            "restart": "unless-stopped",
            "command": [f"--config.file=/config/{name}.yml", listen, *more],
            "volumes": [".:/config:ro", f"{name}:/{name}"],
        }

    grafana = {
        "image": "grafana/grafana:12.1.0",
        "network_mode": "host",
        "restart": "unless-stopped",
        "environment": {"GF_SERVER_HTTP_ADDR": "127.0.0.1"},
        "volumes": [
            f"./grafana/provisioning:{_GRAFANA}/provisioning:ro",
            f"./grafana/dashboards:{_GRAFANA}/dashboards:ro",
            "grafana:/var/lib/grafana",
        ],
    }
    alone = "--cluster.listen-address="
    services = {
        "prometheus": server("prometheus", "prom/prometheus:v3.5.0", prometheus),
        "alertmanager": server("alertmanager", "prom/alertmanager:v0.28.1", alertmanager, alone),
        "grafana": grafana,
    }
    return {"services": services, "volumes": {name: {} for name in services}}
