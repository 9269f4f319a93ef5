"""The simulator: a virtual clock, worlds that drift, labels that come late, and what goes wrong."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.simulator.clock import VirtualClock
    from modelward.adaptive_pipeline.simulator.delays import (
        Delay,
        Exponential,
        Fixed,
        LogNormal,
        Never,
        Uniform,
    )
    from modelward.adaptive_pipeline.simulator.drift import (
        Change,
        DriftSchedule,
        Gradual,
        NoDrift,
        Recurring,
        Sudden,
    )
    from modelward.adaptive_pipeline.simulator.events import Request, Truth
    from modelward.adaptive_pipeline.simulator.faults import (
        Duplicates,
        Fault,
        Loss,
        Outage,
        Revisions,
        SetBack,
        Shuffle,
    )
    from modelward.adaptive_pipeline.simulator.result import (
        Promotion,
        Recovery,
        SimulationResult,
        Stretch,
    )
    from modelward.adaptive_pipeline.simulator.simulation import Simulation
    from modelward.adaptive_pipeline.simulator.source import (
        Drifting,
        Example,
        Sample,
        Sea,
        Sine,
        Source,
    )

__all__ = [
    "Change",
    "Delay",
    "DriftSchedule",
    "Drifting",
    "Duplicates",
    "Example",
    "Exponential",
    "Fault",
    "Fixed",
    "Gradual",
    "LogNormal",
    "Loss",
    "Never",
    "NoDrift",
    "Outage",
    "Promotion",
    "Recovery",
    "Recurring",
    "Request",
    "Revisions",
    "Sample",
    "Sea",
    "SetBack",
    "Shuffle",
    "Simulation",
    "SimulationResult",
    "Sine",
    "Source",
    "Stretch",
    "Sudden",
    "Truth",
    "Uniform",
    "VirtualClock",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Change": "drift",
        "Delay": "delays",
        "DriftSchedule": "drift",
        "Drifting": "source",
        "Duplicates": "faults",
        "Example": "source",
        "Exponential": "delays",
        "Fault": "faults",
        "Fixed": "delays",
        "Gradual": "drift",
        "LogNormal": "delays",
        "Loss": "faults",
        "Never": "delays",
        "NoDrift": "drift",
        "Outage": "faults",
        "Promotion": "result",
        "Recovery": "result",
        "Recurring": "drift",
        "Request": "events",
        "Revisions": "faults",
        "Sample": "source",
        "Sea": "source",
        "SetBack": "faults",
        "Shuffle": "faults",
        "Simulation": "simulation",
        "SimulationResult": "result",
        "Sine": "source",
        "Source": "source",
        "Stretch": "result",
        "Sudden": "drift",
        "Truth": "events",
        "Uniform": "delays",
        "VirtualClock": "clock",
    },
)
