"""Files for Docker Compose: Grafana, Prometheus, Alertmanager and the exporter, all on loopback."""

from __future__ import annotations

from typing import Any

GRAFANA_FOLDER = "/etc/grafana"
IMAGES = {
    "prometheus": "prom/prometheus:v3.5.0",
    "alertmanager": "prom/alertmanager:v0.28.1",
    "grafana": "grafana/grafana:11.6.0",
    "exporter": "modelward-monitoring:0.1.0",
}
DOCKERFILE = """FROM python:3.12.11-slim
COPY wheels/ /wheels/
RUN pip install --no-cache-dir /wheels/*.whl && useradd --create-home modelward
USER modelward
ENTRYPOINT ["modelward", "monitoring"]
"""


def compose(
    exporter: str, prometheus: str, alertmanager: str, grafana: str, *, build: bool
) -> dict[str, Any]:
    """Give the services; on the host's own network, so that an address means the same for all.

    With `build` the exporter is one of them, else it runs elsewhere.
    """
    host, _, port = exporter.rpartition(":")
    served = ["serve", "--host", host, "--port", port]
    services = {
        "prometheus": _server("prometheus", prometheus),
        "alertmanager": _server("alertmanager", alertmanager, "--cluster.listen-address="),
        "grafana": _grafana(grafana),
    }
    volumes: dict[str, Any] = {name: {} for name in services}
    if build:
        services["exporter"] = {
            "image": IMAGES["exporter"],
            "build": ".",
            "network_mode": "host",
            "restart": "unless-stopped",
            "environment": {"MODELWARD_FLEET": "${MODELWARD_FLEET:-sqlite:////fleet/fleet.db}"},
            "command": served,
            "volumes": ["${FLEET_FOLDER:-./fleet}:/fleet"],
        }
    return {"services": services, "volumes": volumes}


def _server(name: str, address: str, *more: str) -> dict[str, Any]:
    listen = f"--web.listen-address={address}"
    return {
        "image": IMAGES[name],
        "network_mode": "host",
        "restart": "unless-stopped",
        "command": [f"--config.file=/config/{name}.yml", listen, *more],
        "volumes": [".:/config:ro", f"{name}:/{name}"],
    }


def _grafana(address: str) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    return {
        "image": IMAGES["grafana"],
        "network_mode": "host",
        "restart": "unless-stopped",
        "environment": {
            "GF_SERVER_HTTP_ADDR": host,
            "GF_SERVER_HTTP_PORT": port,
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            # So that a quote in the name of a model is escaped within a query.
            "GF_FEATURE_TOGGLES_ENABLE": "prometheusSpecialCharsInLabelValues",
        },
        "volumes": [
            f"./grafana/provisioning:{GRAFANA_FOLDER}/provisioning:ro",
            f"./grafana/dashboards:{GRAFANA_FOLDER}/dashboards:ro",
            "grafana:/var/lib/grafana",
        ],
    }
