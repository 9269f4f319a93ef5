# %% [markdown]
# # Blind a detector, and harden it
#
# At the end you will have a detector's precision under noise and under attack, with intervals; pictures of
# what it no longer sees; and a judgement on whether a defence is worth anything to somebody who knows of it.

# %%
# %matplotlib inline
import os
from pathlib import Path

import modelward.adversarial as adv

short = os.environ.get("MODELWARD_EXAMPLES") == "short"
out = Path("modelward-runs/notebooks/adversarial")

# %% [markdown]
# ## A detector
#
# A compact YOLOv3, trained on drawn circles, squares and triangles: a minute the first time, then it is
# kept. Your own network comes in by `adv.wrap` or `adv.load_detector`.

# %%
detector = adv.small_detector()
data = adv.Shapes(n=4 if short else 16, seed=1)
detector

# %% [markdown]
# ## Under attack
#
# Changes of at most 8 of 255 grey levels. Noise of the same size is the baseline: what an attack does
# beyond it is not for want of a clear picture.

# %%
attacks = [adv.Noise(), adv.FGSM(), adv.PGD(steps=3 if short else 10)]
sizes = (8 / 255,) if short else (2 / 255, 8 / 255)
result = adv.assess(detector, attacks, data, eps=sizes, control_images=4, resamples=100)
result

# %%
result.plot().figure

# %% [markdown]
# ## Is this defence worth anything?
#
# Fewer grey levels seem to help against an attack that does not know of them. Against one that does, little
# is left of it.

# %%
worth = adv.assess_defence(
    detector,
    adv.BitDepth(bits=3),
    adv.PGD(eps=4 / 255, steps=3 if short else 10),
    data,
    resamples=100,
)
worth

# %%
ax = worth.plot()

# %% [markdown]
# ## Hand it on
#
# The report shows each picture clean, attacked, and the difference.

# %%
result.save(out).name
