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
# # From a folder to labels
#
# A folder of half-tagged pictures becomes labels with a confidence that means what it says: what to accept, what to leave unknown, and what to
# ask people. The pictures are those of `likeness demo`, which knows the truth, so that everything can be checked.

# %%
import json
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import likeness
from ui.demo.collection import draw_collection

PICTURES = int(os.environ.get("LIKENESS_NOTEBOOK_PICTURES", 600))
PLACE = Path(os.environ.get("LIKENESS_NOTEBOOK_PLACE", "likeness-notebooks")) / f"folder-{PICTURES}"
ATTRIBUTE = "hair_color"

drawn = draw_collection(PLACE, PICTURES)
print(
    f"{len(drawn):,} files; {sum(each.given is not None for each in drawn):,} have tags, some of them wrong or missing"
)

# %% [markdown]
# ## All stages

# %%
collection = likeness.open(PLACE.with_suffix(".store"), create=True)
for summary in collection.run(sources=[PLACE / "pictures"]):
    print(f"{summary.stage:<8}", "up to date" if summary.skipped else f"{summary.seconds:.1f} s")
labels = collection.labels("status = 'ok'")
known = [value is not None for value in labels[ATTRIBUTE]]
print(f"{ATTRIBUTE}: {sum(known):,} of {len(known):,} have a label")
print({name: labels[f"{ATTRIBUTE}_source"].count(name) for name in set(labels[f"{ATTRIBUTE}_source"])})

# %% [markdown]
# ## Precision against coverage
#
# The same votes on plain arrays: labels that tags state are carried to the other pictures, and measured on held-out pictures whose group (the
# copies and versions of one drawing) may not vote.

# %%
vectors = collection.vectors("status = 'ok' and not ambiguous")
rows = {row["item_id"]: row for row in collection.labels()}
group_of = {row["item_id"]: row["group_id"] for row in collection.groups()}
stated = [rows[i][ATTRIBUTE] if rows[i][f"{ATTRIBUTE}_source"] == "tag" else None for i in vectors.item_ids]
result = likeness.propagate(
    vectors.data, stated, groups=[group_of.get(i) for i in vectors.item_ids], precision=0.9
)
report = result.report()
print(report)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), dpi=70)
if len(report.curve):
    coverage, precision = report.curve.T
    left.plot(coverage, precision)
left.axhline(report.target_precision, color="grey", linestyle="--")
left.set(xlabel="coverage", ylabel="precision", title="from the most certain picture to all")

# Reliability: of pictures that nobody tagged, how often is a probability right? The demo knows.
truth = {Path(each.name).name: each.tags for each in drawn}
key_of = {row["item_id"]: Path(row["keys"][0]).name for row in collection.items("status = 'ok'")}
best = result.probabilities.max(axis=1) if result.probabilities.size else np.zeros(len(vectors))
value = result.probabilities.argmax(axis=1) if result.probabilities.size else np.zeros(len(vectors), int)
asked = [
    place for place, each in enumerate(stated) if each is None and key_of[vectors.item_ids[place]] in truth
]
right_ones = (
    [f"{result.classes[value[p]]}_hair" in truth[key_of[vectors.item_ids[p]]] for p in asked]
    if result.classes
    else []
)
if asked and right_ones:
    bins = np.clip((best[asked] * 5).astype(int), 0, 4)
    shares = [
        (best[asked][bins == b].mean(), np.array(right_ones)[bins == b].mean())
        for b in range(5)
        if (bins == b).any()
    ]
    right.plot(*np.array(shares).T, "o-")
right.plot([0, 1], [0, 1], color="grey", linestyle="--")
right.set(
    xlabel="probability", ylabel="share that is right", title=f"{len(asked)} pictures without a tag for it"
)
plt.show()

# %% [markdown]
# ## What to ask people
#
# The least certain ones, and one correction. A correction is a decision: no machine overrules it.

# %%
unknown = [place for place in asked if not result.propagated[place]]
first = sorted(unknown, key=lambda place: -best[place])[:5]
for place in first:
    guess = result.classes[value[place]] if result.classes else "-"
    print(key_of[vectors.item_ids[place]], f"perhaps {guess} ({best[place]:.2f})")
if first:
    item = vectors.item_ids[first[0]]
    correction = collection.correct(item, ATTRIBUTE, "blonde", reviewer="notebook")
    collection.run("label")
    print(collection.labels(f"item_id = '{item}'").to_pylist()[0][f"{ATTRIBUTE}_source"])
    collection.undo(correction, reviewer="notebook")

# %%
summary = collection.export(PLACE.with_suffix(".export"), where=f"{ATTRIBUTE} is not null", format="jsonl")
print(json.dumps({name: count for name, count in summary.counts.items() if "out" not in name}))
