# %% [markdown]
# # A model that keeps itself adapted
#
# At the end you will have served 1,000 requests, of which the last 700 come from a world the first model
# does not know; a second model that was retrained, proven better and promoted while you watched; and a
# ledger in which no row can be changed unseen.

# %%
# %matplotlib inline
import shutil
from pathlib import Path

from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from tqdm.auto import tqdm

from modelward.adaptive_pipeline import AdaptivePipeline, Inline, LastN, Registry, Store

out = Path("modelward-runs/notebooks/adaptive_pipeline")
shutil.rmtree(out, ignore_errors=True)
out.mkdir(parents=True)

# %% [markdown]
# ## A first model
#
# Real tumours, by 30 measures of their cells. The model is registered in MLflow as the champion.

# %%
data = load_breast_cancer(as_frame=True).frame.sample(1_500, replace=True, random_state=0)
x, y = data.drop(columns="target").reset_index(drop=True), data["target"].to_list()
model = RandomForestClassifier(15, random_state=0).fit(x[:500], y[:500])
registry = Registry(name="tumours", tracking_uri=f"sqlite:///{out / 'mlflow.db'}")
registry.register(model, alias="champion", columns=x)

# %% [markdown]
# ## The loop
#
# `train` is all that is yours: it gets the rows since the change, and gives a fitted model. Everything else
# has a default; here it is trained in this process, on the last 250 rows.

# %%
pipeline = AdaptivePipeline(
    store=Store(f"sqlite:///{out / 'pipeline.db'}"),
    registry=registry,
    train=lambda new, context: clone(model).fit(new.X, new.y),
    window=LastN(n=250),
    executor=Inline(),
    seed=0,
)

# %% [markdown]
# ## The world changes
#
# From request 300 on, the new microscope's export writes every measure half as large. Truths come 20
# requests late.

# %%
stream = x[500:].reset_index(drop=True)
stream.loc[300:] *= 0.5
for row, features in enumerate(tqdm(stream.to_dict("records"), disable=None)):
    pipeline.predict(features, request_id=f"r-{row}")
    if row >= 20:
        pipeline.label(f"r-{row - 20}", y[500 + row - 20])
result = pipeline.summary()
result

# %% [markdown]
# ## Why was it promoted?
#
# Each decision stands in the ledger, chained by digests; and each verdict can be worked out again from the
# log.

# %%
for served, kind, what in result.decisions:
    print(f"{served:5}  {kind:11} {what[:90]}")

# %%
bool(result.ledger), [verdict.same for verdict in pipeline.replay()]

# %% [markdown]
# ## Hand it on

# %%
result.to_page().save(out / "pipeline.html")
print(result.to_evidence().save(out / "evidence.json").name)
pipeline.close()
