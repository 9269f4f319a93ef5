"""What stands beside the exported files: what each is, and how they are used."""

from __future__ import annotations

from collections.abc import Sequence

from modelward.monitoring.outputs.alerts.webhook import Webhook


def readme(
    note: str, exporter: Sequence[str], webhooks: Sequence[Webhook], key_file: str | None
) -> str:
    """Give the text, in Markdown."""
    secrets = [
        f"- `{path}`: {what} of the webhook `{hook.name}`; read by Alertmanager."
        for hook in webhooks
        for path, what in ((hook.url_file, "the URL"), (hook.secret_file, "the secret"))
        if path is not None
    ]
    if key_file is not None:
        secrets.append(f"- `{key_file}`: the key of the fleet's page; read by Prometheus.")
    listed = "\n".join(secrets) or "- none: no webhook has a secret."
    return f"""# Watching a fleet of models

{note}

| File | What it is |
|---|---|
| `prometheus.yml` | collects the fleet's numbers from {", ".join(exporter)} |
| `rules/*.yml` | what is worked out, and when an alert is raised |
| `rules/*_test.yml` | hold the rules to it: `promtool test rules rules/*_test.yml` |
| `alertmanager.yml` | one message an incident, to your webhooks |
| `grafana/` | data source, five dashboards, and how Grafana finds them |
| `docker-compose.yml`, `Dockerfile` | Grafana, Prometheus, Alertmanager and the exporter, all on 127.0.0.1 |
| `EXPORTED.sha256` | what was written; a file changed since is not overwritten |

Write these files yourself, readable by their server alone (relative paths start here):

{listed}

With Docker on Linux: put the wheels into `wheels/` (`pip wheel --no-deps -w wheels ./packages/core
./packages/monitoring`, from the repository), then `docker compose up --build`. `MODELWARD_FLEET` names
the fleet's database; without it, `fleet/fleet.db` here. Or with the servers installed, from this folder:

    modelward monitoring serve
    prometheus --config.file=prometheus.yml --web.listen-address=127.0.0.1:9090
    alertmanager --config.file=alertmanager.yml --web.listen-address=127.0.0.1:9093

Debian calls the last `prometheus-alertmanager`. Grafana listens on 127.0.0.1:3000 and asks for a new
password at the first login (admin, admin). The alerts come from Prometheus' rules: Grafana lists them
by its data source, and needs no rules of its own.
"""
