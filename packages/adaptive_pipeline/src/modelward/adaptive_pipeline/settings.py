"""The settings of a pipeline as one YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from modelward.core.config import Config, RelativePath

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


class RegistryConfig(Config):
    """Where model versions are kept: MLflow's tracking store, and the name of the registered model."""

    name: str = Field(min_length=1)
    tracking_uri: str = "sqlite:///mlflow.db"
    artifacts: RelativePath | None = None
    save: str | None = (
        None  # module:function(model, folder), for models that are not scikit-learn's
    )


class WindowConfig(Config):
    """Which labelled requests a retraining learns from."""

    kind: Literal["since_drift", "last_n", "reservoir_recent"] = "since_drift"
    minimum: int = Field(150, ge=20)
    maximum: int = Field(100_000, ge=20)  # since drift
    n: int = Field(1_000, ge=20)
    recent: int = Field(500, ge=20)
    reservoir: int = Field(500, ge=0)


class PerformanceConfig(Config):
    """A trigger on the champion's loss: shown above its reference, or above a fixed limit."""

    kind: Literal["performance"]
    tolerance: float = Field(0.05, ge=0)
    reference: int = Field(200, ge=20)
    alpha: Share = 0.001
    minimum: int = Field(30, ge=20)
    limit: float | None = None
    last: int = Field(100, ge=1)  # labels the limit is about


class ScheduleConfig(Config):
    """A trigger by the calendar."""

    kind: Literal["schedule"]
    cron: str
    timezone: str = "UTC"


class DriftConfig(Config):
    """A trigger on a shift of inputs or outputs, before labels come."""

    kind: Literal["drift"]
    reference: int = Field(500, ge=50)
    window: int = Field(500, ge=50)
    every: int = Field(100, ge=1)
    alpha: Share = 0.01
    smallest_shift: Positive = 0.05


class RepositoryConfig(Config):
    """A trigger on a new commit."""

    kind: Literal["repository"]
    url: str
    branch: str = "main"
    every: Positive = 60.0
    timeout: Positive = 30.0


TriggerConfig = Annotated[
    PerformanceConfig | ScheduleConfig | DriftConfig | RepositoryConfig, Field(discriminator="kind")
]


class ArbiterConfig(Config):
    """When a wish for a retraining is granted."""

    cooldown: int = Field(200, ge=0)  # labels
    cooldown_seconds: float = Field(0.0, ge=0)
    debounce: float = Field(0.0, ge=0)  # seconds
    budget: int | None = Field(None, ge=1)  # a day


class TrainingConfig(Config):
    """Where the training function runs, and its limits."""

    executor: Literal["process", "inline", "ray"] = "process"
    timeout: Positive = 3_600.0
    memory: int | None = Field(None, gt=0)  # bytes: a limit here, a wish on a cluster
    attempts: int = Field(2, ge=1)
    holdout: float = Field(0.2, gt=0, le=0.5)
    margin: float = Field(0.0, ge=0)
    address: str | None = None  # of a Ray cluster
    cpus: Positive = 1.0  # of the cluster, for one training
    gpus: float = Field(0.0, ge=0)


class GuardrailsConfig(Config):
    """What a challenger may not make worse, and by how much; what is left out is not guarded."""

    error_rate: Positive | None = None
    latency: Positive | None = None  # seconds
    segments: Positive | None = None  # loss, for each segment


class ComparisonConfig(Config):
    """How a challenger is compared."""

    alpha: Share = 0.05
    margin: float = Field(0.0, ge=0)
    minimum: int = Field(100, ge=20)
    maximum: int = Field(5_000, ge=20)
    statistic: Literal["asymptotic", "betting"] | None = None
    share: Share = 0.5
    watch: int = Field(500, ge=0)
    guardrails: GuardrailsConfig = GuardrailsConfig()


class GatewayConfig(Config):
    """How requests are taken."""

    host: str = "127.0.0.1"
    port: int = Field(8_000, ge=0, le=65_535)
    durability: Literal["batch", "sync"] = "batch"
    patience: Positive = 30.0  # seconds the database may be away before requests are turned away
    timeout: Positive | None = (
        10.0  # seconds the champion has for an answer; null: no thread, no limit
    )
    deadline: Positive = 1.0  # seconds a challenger has in an A/B test
    max_bytes: int = Field(1 << 20, ge=1_000)  # of a body
    max_rows: int = Field(1_000, ge=1)  # of a body
    key: SecretStr | None = None
    names: tuple[
        str, ...
    ] = ()  # without a key: by which it may be called, beside this machine's own
    alert_secret: SecretStr | None = None
    repository_secret: SecretStr | None = None
    branch: str = "main"  # the one whose pushes count
    isolate: bool = True


class MonitorConfig(Config):
    """How performance is followed."""

    window: Positive = 3_600.0  # seconds of event time
    segments: tuple[str, ...] = ()


class PipelineConfig(Config):
    """Everything a pipeline needs to run by itself.

    `train` names the training function as `module:function`; the module is looked for beside the
    file as well. `label_depends_on_prediction` decides how a challenger is tried: where the label
    would have been the same whatever was answered, both models score each request (paired shadow);
    where the answer changes what happens, requests are divided (A/B).

    >>> from modelward.core.config import loads
    >>> text = "{store: 'sqlite://', registry: {name: sine}, train: 'training:train'}"
    >>> loads(text, PipelineConfig).comparison.alpha
    0.05
    """

    store: str = "sqlite:///pipeline.db"
    registry: RegistryConfig
    train: str = Field(pattern=r"^[\w.]+:\w+$")
    loss: str = "zero_one"
    label_depends_on_prediction: bool = False
    horizon: Positive = 86_400.0
    seed: int = 0
    window: WindowConfig = WindowConfig()
    triggers: tuple[TriggerConfig, ...] = (PerformanceConfig(kind="performance"),)
    arbiter: ArbiterConfig = ArbiterConfig()
    training: TrainingConfig = TrainingConfig()
    comparison: ComparisonConfig = ComparisonConfig()
    gateway: GatewayConfig = GatewayConfig()
    monitor: MonitorConfig = MonitorConfig()
    retention_days: int | None = Field(None, ge=1)  # whole days of requests older are deleted
    folder: RelativePath = Path()  # where modules and relative databases are looked for
