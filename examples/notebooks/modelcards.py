# %% [markdown]
# # Write down what is known, and have it checked
#
# At the end you will have a model card whose numbers name their witnesses, a check that is green, the same
# check in red after somebody polished a number, and pages for three kinds of readers.

# %%
# %matplotlib inline
from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import modelward.modelcards as cards
from modelward.core.evidence import Evidence, Metric, Subject
from modelward.core.metrics import metric

out = Path("modelward-runs/notebooks/modelcards")

# %% [markdown]
# ## A model, and what was measured of it
#
# What was measured becomes a sealed record. The other libraries hand out such records themselves
# (`to_evidence`); here it is written by hand.

# %%
x, y = load_breast_cancer(return_X_y=True, as_frame=True)
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[:400], y[:400])
predicted = model.predict(x[400:])
accuracy = metric("accuracy").estimate(y[400:].to_numpy(), predicted)
missed = metric("recall").estimate(1 - y[400:].to_numpy(), 1 - predicted)
record = Evidence.create(
    kind="evaluation.holdout",
    subject=Subject(name="tumours"),
    tool="modelward-core",
    metrics=[
        Metric.of("accuracy", accuracy, higher_is_better=True, limit=0.9),
        Metric.of("malignant_found", missed, higher_is_better=True, limit=0.9),
    ],
    findings=["measured on the last 169 samples, which no training has seen"],
)
record.save(out / "evidence" / "holdout.json")
print(*(m.in_words() for m in record.metrics), sep="\n")

# %% [markdown]
# ## The card
#
# Tools fill in what they know; what only people can say stands there as TODO until they do.

# %%
card = cards.ModelCard.from_sklearn(model, name="tumours", data={"training": x[:400]})
card = card.attach(record, record="evidence/holdout.json")
path = card.save(out / "modelcard.yaml")
print(path.read_text("utf-8")[:600])

# %% [markdown]
# Rules say what is missing:

# %%
cards.validate(cards.read(path))

# %% [markdown]
# ## Does each number stand?

# %%
verification = cards.verify(cards.read(path))
verification

# %% [markdown]
# Somebody polishes the accuracy in the card. The record is sealed, and says otherwise:

# %%
text = path.read_text("utf-8")
at = text.index("value: ", text.index("evaluation accuracy")) + len("value: ")
polished = out / "modelcard-polished.yaml"
polished.write_text(text[:at] + "0.999" + text[text.index("\n", at) :], "utf-8")
for claim in cards.verify(cards.read(polished)).failures:
    print(f"{Path(claim.file).name}:{claim.line}: {claim.status}: {claim.detail}")

# %% [markdown]
# ## For three kinds of readers
#
# Each page leaves out detail; none leaves out a claim that does not stand.

# %%
for reader in ("engineer", "risk", "public"):
    page = cards.card_page(cards.read(path), verification, audience=reader)
    print(page.save(out / f"{reader}.html").name)
