# %% [markdown]
# # The life of two models
#
# At the end you will have a classifier that was probed, served, watched, adapted and written down, all on
# real data; a detector that was attacked and hardened; and a folder with every page, record and database
# that came of it. The story itself is `examples/lifecycle.py`; this notebook lets it run, and looks at what
# it left.

# %%
# %matplotlib inline
import os
import sys
from pathlib import Path

folder = Path("modelward-runs/lifecycle")
examples = Path(os.environ.get("MODELWARD_EXAMPLES_FOLDER", ".."))
sys.path.insert(0, str(examples))
from lifecycle import SHORT, WHOLE, main

# %% [markdown]
# ## The story

# %%
short = os.environ.get("MODELWARD_EXAMPLES") == "short"
figures = main(folder, size=SHORT if short else WHOLE)

# %% [markdown]
# ## What the pipeline did
#
# Its store is a database that anybody may read: the loss of each version, and each decision.

# %%
from modelward.adaptive_pipeline import Store, summarise

store = Store(f"sqlite:///{folder / 'pipeline.db'}", make=False)
told = summarise(store)
told.plot().figure

# %%
for served, kind, what in told.decisions:
    print(f"{served:5}  {kind:11} {what[:90]}")

# %% [markdown]
# ## What the fleet knew
#
# Fifty models, judged together. The incident of ours names the columns and what happened before.

# %%
import modelward.monitoring as mon

with mon.Fleet(f"sqlite:///{folder / 'fleet.db'}") as fleet:
    incidents = fleet.incidents(open=None)
for incident in incidents:
    print("open  " if incident.open else "closed", incident.title)
    print("       before it:", ", ".join(event.text for event in incident.before) or "nothing told")

# %% [markdown]
# ## What was written down
#
# The sealed records, and the card that is checked against them; the copy in which one number was edited is
# caught.

# %%
import modelward.modelcards as cards
from modelward.core.evidence import Evidence

for path in sorted((folder / "evidence").glob("*.json")):
    record = Evidence.load(path)
    print(f"{path.name:18} {record.kind:24} {record.findings[0][:80]}")

# %%
uri = f"sqlite:///{folder / 'mlflow.db'}"
cards.verify(cards.read(folder / "modelcard.yaml"), tracking_uri=uri)

# %%
for claim in cards.verify(cards.read(folder / "modelcard-edited.yaml"), tracking_uri=uri).failures:
    print(f"{Path(claim.file).name}:{claim.line}: {claim.status}: {claim.detail}")

# %% [markdown]
# ## The detector, as it was and hardened

# %%
import pandas as pd

names = ["clean", "noise", "fgsm", "pgd"]
pd.DataFrame(
    {
        "as it was": [figures[f"map_{name}"] for name in names],
        "hardened": [figures[f"map_{name}_hardened"] for name in names],
    },
    index=names,
)

# %% [markdown]
# Everything else is linked from `modelward-runs/lifecycle/index.html`.
