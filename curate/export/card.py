"""What describes an export to others: the card of a Hugging Face data set, Croissant, the JSON Schema of its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from curate.export.columns import Column
from curate.export.shards import WrittenFile
from schema.version import __version__

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def json_schema(columns: Sequence[Column]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a row of JSON lines."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A row of an export of Likeness",
        "type": "object",
        "properties": {column.name: _json_type(column.type) | _about(column) for column in columns},
        "required": [column.name for column in columns],
        "additionalProperties": True,
    }


def _about(column: Column) -> dict[str, str]:
    return {"description": column.about} if column.about else {}


def _json_type(kind: pa.DataType, null: bool = True) -> dict[str, Any]:
    if pa.types.is_list(kind):
        return {"type": ["array", "null"], "items": _json_type(kind.value_type)}
    if pa.types.is_struct(kind):
        inside = {field.name: _json_type(field.type) for field in kind}
        return {"type": ["object", "null"], "properties": inside}
    name = "string"
    if pa.types.is_boolean(kind):
        name = "boolean"
    elif pa.types.is_integer(kind):
        name = "integer"
    elif pa.types.is_floating(kind):
        name = "number"
    return {"type": [name, "null"] if null else name}


def card_text(
    name: str, licence: str, samples: Mapping[str, int], features: Mapping[str, Any], embedded: bool
) -> str:
    """Return README.md of a Hugging Face data set: YAML for the Hub and ``datasets``, then a few lines for people.

    JSON is YAML, so every value is written as JSON: nothing in a name can break the card.
    """
    total = sum(samples.values())
    size = next((words for limit, words in _SIZES if total < limit), "n>1M")
    files = [
        {"split": split, "path": f"data/{split}-*.parquet" if embedded else f"data/{split}/**"}
        for split in samples
    ]
    head = {
        "pretty_name": name,
        "license": licence,
        "task_categories": ["text-to-image", "image-classification"],
        "size_categories": [size],
        "tags": ["anime", "character", "likeness"],
        "configs": [{"config_name": "default", "data_files": files}],
        "dataset_info": {
            "features": _yaml_features(features),
            "splits": [{"name": split, "num_examples": count} for split, count in samples.items()],
        },
    }
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    rows = "\n".join(f"| {split} | {count:,} |" for split, count in samples.items())
    text = f"""
# {name}

Character images with labels, made by Likeness {__version__}. A label is null where it is not known.
`_manifest.json` says from what it was made, `_about/` what it holds.

| split | pictures |
|---|---|
{rows}

The licence of each picture, its artists and its address are columns: `licence`, `artists`, `source_url`.
"""
    return "---\n" + "\n".join(lines) + "\n---\n" + text


def _yaml_features(features: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return features in the form of a card: a list of names with types."""
    return [{"name": name, **_yaml_feature(feature)} for name, feature in features.items()]


def _yaml_feature(feature: Any) -> dict[str, Any]:
    if feature.get("_type") == "Image":
        return {"dtype": "image"}
    if feature.get("_type") == "Value":
        return {"dtype": feature["dtype"]}
    if feature.get("_type") == "List":
        inner = _yaml_feature(feature["feature"])
        return {"list": inner["dtype"] if set(inner) == {"dtype"} else inner.get("struct", inner)}
    return {"struct": _yaml_features(feature)}


def croissant(
    name: str, licence: str, files: Sequence[WrittenFile], columns: Sequence[Column]
) -> dict[str, Any]:
    """Return a description in Croissant 1.0 of the files that hold rows: JSON lines, or Parquet."""
    objects = [
        {
            "@type": "cr:FileObject",
            "@id": _identifier(file.name),
            "name": file.name,
            "contentUrl": file.name,
            "contentSize": f"{file.size} B",
            "encodingFormat": "application/x-parquet"
            if file.name.endswith(".parquet")
            else "application/jsonlines",
            "sha256": file.sha256,
        }
        for file in files
    ]
    sets = [
        {
            "@type": "cr:RecordSet",
            "@id": f"rows-{number}",
            "name": f"rows-{number}",
            "description": f"Rows of {file.name}",
            "field": [
                _field(f"rows-{number}", file.name, column) for column in columns if _is_plain(column.type)
            ],
        }
        for number, file in enumerate(files)
    ]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": "Character images with labels; a label is null where it is not known.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": licence,
        "url": "https://example.invalid/",
        "version": "1.0.0",
        "datePublished": "1970-01-01",
        "citeAs": name,
        "distribution": objects,
        "recordSet": sets,
    }


def _is_plain(kind: pa.DataType) -> bool:
    return not pa.types.is_struct(kind) and not (
        pa.types.is_list(kind) and pa.types.is_struct(kind.value_type)
    )


def _field(records: str, file: str, column: Column) -> dict[str, Any]:
    kind = column.type.value_type if pa.types.is_list(column.type) else column.type
    return {
        "@type": "cr:Field",
        "@id": f"{records}/{column.name}",
        "name": f"{records}/{column.name}",
        "description": column.about or column.name,
        "dataType": _croissant_type(kind),
        "source": {"fileObject": {"@id": _identifier(file)}, "extract": {"column": column.name}},
        **({"repeated": True} if pa.types.is_list(column.type) else {}),
    }


def _croissant_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"


def _identifier(name: str) -> str:
    return name.replace("/", "-")


CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that Croissant 1.0 asks for."""
