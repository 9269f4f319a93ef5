# %% [markdown]
# # See what changed in the data, in one model and in twelve
#
# At the end you will have a decision on which columns drifted by more than chance, a fleet of twelve models
# judged together, and one incident that names the column that broke for three of them.

# %%
# %matplotlib inline
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

import modelward.monitoring as mon

out = Path("modelward-runs/notebooks/monitoring")
out.mkdir(parents=True, exist_ok=True)
tumours = load_breast_cancer(as_frame=True).data
rng = np.random.default_rng(0)


def rows(n: int, columns: list[str]) -> pd.DataFrame:
    return tumours[columns].sample(n, replace=True, random_state=rng).reset_index(drop=True)


# %% [markdown]
# ## One model
#
# A `Sketch` of the rows the model learned from is all that is kept of them; sketches of windows are laid
# beside it. One rule over all columns keeps the expected share of false alarms below 5 %.

# %%
columns = list(tumours.columns[:10])
reference = mon.Sketch.fit(rows(2_000, columns))
today = rows(500, columns)
today["mean area"] *= 1.1  # a microscope was calibrated anew
drift = mon.compare(reference, reference.empty().add(today), model="tumours", window="today")
drift

# %%
drift.plot().figure

# %% [markdown]
# ## Twelve models
#
# Each reads eight columns of its own. Then the export of `worst area` changes its unit, and three models
# read it. What went bad together becomes one incident, with what happened shortly before.

# %%
(out / "fleet.db").unlink(missing_ok=True)
fleet = mon.Fleet(f"sqlite:///{out / 'fleet.db'}")
others = [name for name in tumours.columns if name != "worst area"]
reads = {}
for number in range(12):
    picked = list(rng.choice(others, 7, replace=False))
    reads[f"model-{number:02d}"] = [*picked, "worst area" if number < 3 else "worst texture"]
    reads[f"model-{number:02d}"] = list(dict.fromkeys(reads[f"model-{number:02d}"]))
for name, picked in reads.items():
    fleet.add(mon.Model(name, owner="clinic"), rows(1_000, picked))

day = mon.Window.of("2026-03-02", hours=24)
fleet.now = lambda: day.end
fleet.tell(mon.Event("data", day.start, "new release of the clinic's export"))
for name, picked in reads.items():
    frame = rows(300, picked)
    if "worst area" in picked:
        frame["worst area"] /= 100  # square millimetres, written as square centimetres
    fleet.record(name, day, frame)
judged = fleet.assess(day)
judged

# %%
for incident in fleet.incidents():
    print(incident.title)
    print("  before it:", ", ".join(event.text for event in incident.before))
    print(" ", incident.suggestion)

# %% [markdown]
# ## Hand it on
#
# A page, a sealed record, metrics for Prometheus. `modelward monitoring serve --fleet sqlite:///…` shows
# the fleet in a browser.

# %%
fleet.close()
drift.to_page().save(out / "drift.html")
drift.to_evidence().save(out / "evidence.json").name
