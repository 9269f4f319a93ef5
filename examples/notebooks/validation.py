# %% [markdown]
# # Find where a model fails
#
# At the end you will have a map of where a digit reader stops being right when its camera turns and
# its pictures get noisy: rules in words, the share of the space that fails with a proven bound, and a page
# to hand on.

# %%
# %matplotlib inline
import os
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn.datasets import load_digits
from sklearn.svm import SVC

import modelward.validation as val

short = os.environ.get("MODELWARD_EXAMPLES") == "short"
out = Path("modelward-runs/notebooks/validation")

# %% [markdown]
# ## A model, and a world that disturbs it
#
# A support vector machine reads the handwritten digits that scikit-learn ships. `accuracy` is the system
# under test: it takes the conditions, and gives what comes out.

# %%
x, y = load_digits(return_X_y=True)
model = SVC(gamma=0.001, C=10).fit(x[:1000], y[:1000])
images, truth = x[1000:1150].reshape(-1, 8, 8), y[1000:1150]
grain = np.random.default_rng(0).normal(size=images.shape)  # the same at each call


def accuracy(rotation: float, noise: float) -> float:
    turned = ndimage.rotate(images, rotation, axes=(1, 2), reshape=False, order=1)
    seen = np.clip(turned + noise * grain, 0, 16)
    return float(np.mean(model.predict(seen.reshape(len(seen), -1)) == truth))


accuracy(rotation=0, noise=0), accuracy(rotation=20, noise=4)

# %% [markdown]
# ## A study looks where right turns to wrong
#
# Surrogates compete for the best account of what was seen, and propose where to look next. `certify` then
# draws points blindly: only they carry the proof.

# %%
study = val.Study(
    [val.FeatureContinuous("rotation", -30, 30), val.FeatureContinuous("noise", 0, 8)],
    [val.Output("accuracy", threshold=0.8, orientation="upper")],
    name="digit reader",
    seed=0,
)
study.run(accuracy, budget=25 if short else 60, batch=5)
result = study.certify(accuracy, n=20 if short else 60)
result

# %% [markdown]
# The boundary, with the runs it was learned from:

# %%
result.plot().figure

# %% [markdown]
# ## What matters, and what is known
#
# Each rule is a sentence. What is not known is told, too.

# %%
print(*result.rules, *result.unknown, sep="\n")

# %%
result.to_frame().tail()

# %% [markdown]
# ## Hand it on
#
# A page that works from a file, and a sealed record that a model card can be checked against.

# %%
study.to_page().save(out / "validation.html")
result.to_evidence().save(out / "evidence.json").name
