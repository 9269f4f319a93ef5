"""What stands beside the exported files: what each is, and how they are used."""

from __future__ import annotations


def readme(note: str, gateway: str, secret_file: str, key_file: str | None) -> str:
    """Give the text, in Markdown."""
    same = "the secret of the webhook, the same as the gateway's `alert_secret`"
    secrets = [f"- `{secret_file}`: {same}; read by Alertmanager."]
    if key_file is not None:
        secrets.append(f"- `{key_file}`: the gateway's API key; read by Prometheus.")
    return f"""# Watching an adaptive pipeline

{note}

| File | What it is |
|---|---|
| `prometheus.yml` | collects the loop's numbers from {gateway}, and hands alerts to Alertmanager |
| `rules.yml` | when to raise an alert; `ModelLossHigh` is the one that starts a retraining |
| `rules.test.yml` | holds the rules to it: `promtool test rules rules.test.yml` |
| `alertmanager.yml` | calls the gateway's webhook; the receiver `people` is yours to fill in |
| `grafana/` | data source, dashboard, and how Grafana finds them |
| `docker-compose.yml` | the three servers as containers, all on 127.0.0.1 |
| `EXPORTED.sha256` | what was written; a file changed since is not overwritten |

Write these files yourself, readable by their server alone (relative paths start here):

{chr(10).join(secrets)}

Then, with Docker on Linux: `docker compose up`. Or with the servers installed, from this folder:

    prometheus --config.file=prometheus.yml --web.listen-address=127.0.0.1:9090
    alertmanager --config.file=alertmanager.yml --web.listen-address=127.0.0.1:9093

Debian calls the second `prometheus-alertmanager`. Grafana listens on 127.0.0.1:3000 and asks for a
new password at the first login (admin, admin).
"""
