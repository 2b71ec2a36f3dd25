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
# # A catalogue: query it, look at it, run a model on the result
#
# A catalogue of drawn characters with a class, a year and more columns: three queries, histograms, ten random samples, random crops, a
# classifier on what a query found, and what it costs for more pictures. It runs in a checkout; the drawings are kept between runs.

# %%
import csv
import json
import math
import os
import random
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression

import likeness
from embed.avatars.collection import draw_one

PICTURES = int(os.environ.get("LIKENESS_NOTEBOOK_PICTURES", 2000))
PLACE = Path(os.environ.get("LIKENESS_NOTEBOOK_PLACE", "likeness-notebooks")) / f"catalogue-{PICTURES}"
SIZES = [size for size in (100, 300, 1000, 3000) if size <= 1.5 * PICTURES] or [PICTURES // 2, PICTURES]

# %% [markdown]
# ## The catalogue
#
# Every picture is drawn from its number, and a table beside the pictures says what the catalogue knows of it: the class of the garment, a
# year, a price, a designer. One in ten has no class: catalogues are like that.

# %%
PLACE.mkdir(parents=True, exist_ok=True)
table = PLACE / "metadata.csv"
if not table.exists():
    rows = []
    for number in range(PICTURES):
        pixels, facts = draw_one(number, 256)
        Image.fromarray(pixels).save(PLACE / f"{number:05}.png")
        draw = random.Random(number)
        rows.append(
            {
                "file_name": f"{number:05}.png",
                "tags": ", ".join(facts["tags"]),
                "garment": facts["truth"]["clothing"] if draw.random() < 0.9 else "",
                "year": draw.randint(1995, 2024),
                "price": round(draw.lognormvariate(4, 0.6), 2),
                "designer": draw.choice(["Aoki", "Bell", "Castro", "Dahl"]),
            }
        )
    unfinished = table.with_suffix(".unfinished")
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    unfinished.rename(table)

begun = time.perf_counter()
collection = likeness.open(PLACE.with_suffix(".store"), create=True)
for summary in collection.run("ingest", sources=[PLACE]) + collection.run("embed", "index", "dedupe"):
    print(summary.stage, "up to date" if summary.skipped else f"{summary.seconds:.1f} s")
print(f"{len(collection):,} items in {time.perf_counter() - begun:.1f} s")

# %% [markdown]
# ## Three queries
#
# By columns, by a text, and by a picture among what a condition lets pass.

# %%
recent = collection.items("year >= 2010 and garment is not null")
print(f"{len(recent):,} of {len(collection):,} items are of 2010 or later and have a class")

described = collection.similar(text="a girl with blonde hair in a dress", k=8, where="keep and year >= 2000")
for row in described:
    print(f"{row['similarity']:.3f}", row["keys"][0])

like_the_first = collection.similar(id=described["item_id"][0], k=8, where="designer = 'Aoki'")
print([f"{value:.2f}" for value in like_the_first["similarity"]])


# %%
def show(uris, titles, columns=5):
    """Show pictures in a grid."""
    lines = -(-len(uris) // columns)
    _, axes = plt.subplots(lines, columns, figsize=(2 * columns, 2.3 * lines), dpi=60, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, uri, title in zip(axes.flat, uris, titles, strict=False):
        axis.imshow(Image.open(uri) if isinstance(uri, str) else uri)
        axis.set_title(title, fontsize=8)
    plt.show()


paths = dict(zip(recent["item_id"], recent["uri"], strict=True)) | {
    row["item_id"]: row["uri"] for row in collection.items("status = 'ok'")
}
show([paths[item] for item in described["item_id"]], [f"{s:.2f}" for s in described["similarity"]], 8)

# %% [markdown]
# ## Classes and years of what the first query found

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3), dpi=70)
names, counts = np.unique(recent["garment"], return_counts=True)
order = np.argsort(-counts)
left.bar(names[order], counts[order])
left.tick_params(axis="x", rotation=75)
left.set_title("garment")
right.hist(recent["year"], bins=range(2010, 2026))
right.set_title("year")
plt.show()

# %% [markdown]
# ## Ten random samples with their details

# %%
sample = random.Random(0).sample(range(len(recent)), 10)
records = recent.to_pylist()
for place in sample:
    row = records[place]
    print(row["keys"][0], row["garment"], row["year"], row["price"], row["designer"], row["tags"][:5])
show([records[place]["uri"] for place in sample], [records[place]["garment"] for place in sample])

# %% [markdown]
# ## Random crops of 256 x 256
#
# A fifth of the area goes, where the frame leaves the choice. The generator is seeded by the item's id, so that the same picture is cropped the same way.


# %%
def cropped(row):
    """Return a random crop of an item's picture, the same one every time."""
    draw = random.Random(row["item_id"])
    picture = Image.open(row["uri"]).convert("RGB")
    area = draw.uniform(0.8, 1.0) * picture.width * picture.height
    ratio = math.exp(draw.uniform(math.log(3 / 4), math.log(4 / 3)))
    width = min(picture.width, round(math.sqrt(area * ratio)))
    height = min(picture.height, round(area / width))
    left, top = draw.randint(0, picture.width - width), draw.randint(0, picture.height - height)
    return picture.crop((left, top, left + width, top + height)).resize((256, 256), Image.Resampling.LANCZOS)


crops = [cropped(records[place]) for place in sample]
print({each.size for each in crops})
show(crops, ["256 x 256"] * len(crops))

# %% [markdown]
# ## A classifier on the result
#
# A linear model on the stored vectors learns the class of the garment from the items before 2010 and is asked about what the query found.

# %%
vectors = collection.vectors("status = 'ok'")
row_of = {item: place for place, item in enumerate(vectors.item_ids)}
older = [
    row
    for row in collection.items("year < 2010 and garment is not null").to_pylist()
    if row["item_id"] in row_of
]
train = np.array([row_of[row["item_id"]] for row in older])
asked = np.array([row_of[row["item_id"]] for row in records])
model = LogisticRegression(max_iter=300, C=30).fit(
    vectors.data[train].astype(np.float32), [row["garment"] for row in older]
)
predicted = model.predict(vectors.data[asked].astype(np.float32))
truth = np.array([row["garment"] for row in records])
most = max((truth == name).mean() for name in set(truth))
print(
    f"{(predicted == truth).mean():.3f} right of {len(truth):,}; always the most frequent class: {most:.3f}"
)

# %% [markdown]
# ## Time against the number of pictures
#
# Everything from files to neighbours on a new store, then the first query and crops of what it finds. The line through the points is an
# extrapolation: it holds while each stage is linear in the number of pictures, which ingest and embedding are.

# %%
pictures = sorted(PLACE.glob("*.png"))
while len(pictures) < max(SIZES):  # more pictures than the catalogue has: drawn now, outside of the clock
    number = len(pictures)
    Image.fromarray(draw_one(number, 256)[0]).save(PLACE.parent / f"more-{number:05}.png")
    pictures.append(PLACE.parent / f"more-{number:05}.png")

measured = []
for size in SIZES:
    store = PLACE.parent / f"timed-{size}-{time.time_ns()}.store"
    listing = PLACE.parent / f"timed-{size}.jsonl"
    lines = [
        json.dumps({"image": str(path.resolve()), "year": 1995 + place % 30})
        for place, path in enumerate(pictures[:size])
    ]
    listing.write_text("\n".join(lines))
    begun = time.perf_counter()
    with likeness.open(store, create=True) as timed:
        timed.run("ingest", sources=[listing])
        timed.run("embed", "index")
        stages = time.perf_counter() - begun
        begun = time.perf_counter()
        found = timed.items("year >= 2010").to_pylist()
        query = time.perf_counter() - begun
        begun = time.perf_counter()
        for row in found:
            cropped(row)
        transform = time.perf_counter() - begun
    measured.append((size, stages, query, transform))
    print(
        f"{size:>6,} pictures: stages {stages:6.1f} s, query {query:.3f} s, {len(found):,} crops {transform:.1f} s"
    )

# %%
sizes, stages, queries, transforms = np.array(measured).T
slope, constant = np.polyfit(sizes, stages, 1)
million = np.array([sizes[0], 1_000_000])
plt.figure(figsize=(6, 3.5), dpi=70)
plt.loglog(sizes, stages, "o-", label="ingest, embed, index")
plt.loglog(sizes, np.maximum(queries, 1e-4), "o-", label="query")
plt.loglog(sizes, transforms, "o-", label="crops")
plt.loglog(million, slope * million + max(constant, 0), "--", color="grey", label="extrapolated")
plt.xlabel("pictures")
plt.ylabel("seconds")
plt.legend()
plt.show()
print(
    f"{1000 * slope:.1f} ms a picture here; a million would take {slope * 1e6 / 3600:.1f} hours on this machine"
)
# docs/performance.md has what was measured at five million.
