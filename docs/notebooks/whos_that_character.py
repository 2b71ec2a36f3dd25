# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Who's that character?
#
# A picture that the store has never seen: its attributes, which pictures say so, and its neighbours. `likeness review --page character` is the
# same as a page, `POST /v1/label` as an address.

# %%
import io
import os
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

import likeness
from embed.avatars.collection import draw_one
from ui.demo.collection import draw_collection

PICTURES = int(os.environ.get("LIKENESS_NOTEBOOK_PICTURES", 600))
PLACE = Path(os.environ.get("LIKENESS_NOTEBOOK_PLACE", "likeness-notebooks")) / f"folder-{PICTURES}"
NEIGHBOURS = 30

draw_collection(PLACE, PICTURES)
collection = likeness.open(PLACE.with_suffix(".store"), create=True)
collection.run(sources=[PLACE / "pictures"])
pixels, facts = draw_one(424_242, 256)
buffer = io.BytesIO()
Image.fromarray(pixels).save(buffer, "PNG")
picture = buffer.getvalue()

# %% [markdown]
# ## Its neighbours

# %%
found = collection.similar(image=picture, k=NEIGHBOURS, where="keep and not ambiguous")
uris = {row["item_id"]: row["uri"] for row in collection.items("status = 'ok'")}
figure, axes = plt.subplots(2, 6, figsize=(11, 4), dpi=60)
axes[0, 0].imshow(pixels)
axes[0, 0].set_title("asked", fontsize=8)
for axis, row in zip(list(axes.flat)[1:], found, strict=False):
    axis.imshow(Image.open(uris[row["item_id"]]))
    axis.set_title(f"{row['similarity']:.2f}", fontsize=8)
for axis in axes.flat:
    axis.axis("off")
plt.show()
print(collection.duplicates(picture))

# %% [markdown]
# ## Its attributes
#
# What the neighbours say, weighted by their similarity, against what was drawn.

# %%
for attribute in ("gender", "hair_color", "hair_length", "eye_color", "expression"):
    votes = Counter()
    for row in found:
        value = row.get(attribute)
        for each in value if isinstance(value, list) else [value] if value else []:
            votes[each] += max(row["similarity"], 0)
    total = sum(votes.values())
    told = (
        ", ".join(f"{value} {votes[value] / total:.2f}" for value, _ in votes.most_common(3))
        if total
        else "nobody says"
    )
    print(f"{attribute:<12} {told:<44} drawn: {facts['truth'].get(attribute)}")

# %% [markdown]
# ## Why an item of the store has its label

# %%
print(collection.explain(found["item_id"][0], "hair_color"))
