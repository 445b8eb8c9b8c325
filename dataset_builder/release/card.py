"""The dataset card: README.md with the YAML that `datasets.load_dataset` reads, LICENSE and CITATION.cff, all generated.

`load_dataset` keys its cache by the card, not by the data: a rebuilt folder would return old rows. So the digest of
the contents stands in every configuration's description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import yaml

from dataset_builder.release.schema import FOLDS, STRUCTURES, TRAIN_ORDER, Column
from dataset_builder.release.splits import sizes_up_to

if TYPE_CHECKING:
    from dataset_builder.release.manifest import Manifest

LICENCES = {
    "CC0-1.0": "To the extent possible under law, the makers of this dataset have waived all copyright and related rights to it.\nFull text: https://creativecommons.org/publicdomain/zero/1.0/legalcode\n",
    "CC-BY-4.0": "This dataset may be shared and adapted for any purpose if its makers are credited.\nFull text: https://creativecommons.org/licenses/by/4.0/legalcode\n",
}
CARD = """\
# {name} {version}

{summary}

{environments:,} atomic environments in {structures:,} structures of {trajectories:,} molecular-dynamics trajectories.
The labels are **synthetic**: they come from the machine-learned potential `{teacher}` (the teacher, evaluated by
{engine}), not from quantum mechanics. Per-atom energies are the teacher's own division of its total energy. Atoms of
one trajectory are correlated; folds never divide a trajectory.

```python
from datasets import load_dataset

structures = load_dataset("{folder}", split="train")
train = load_dataset("{folder}", "train_order_fold0", split="train[:1000]")  # the size-1,000 training set of fold 0
```

`with_format("numpy")` turns float64 into float32; use `with_format("numpy", dtype=None)` to keep it.

Training sizes that this release can fill: {sizes}.

## Columns of `default`

| column | type | unit | meaning |
|---|---|---|---|
{columns}

## How it was made

Driver (moves the atoms): `{driver}`, {driver_engine}, SHA-256 `{driver_sha256}`.
Teacher (labels them): `{teacher}`, {engine}, SHA-256 `{teacher_sha256}`.
{rejected} structures or trajectories were rejected by the recipe's checks; each is listed with its reason in `MANIFEST.json`,
beside the whole recipe and the versions of all programs.

## Which contents these are

Digest `{digest}` covers recipe, potentials and every value. Files are listed with their SHA-256 in `MANIFEST.json`.

Licence: {licence}.
"""


def card_files(manifest: Manifest, order_rows: int) -> dict[str, str]:
    """Return the text files that stand beside the data: card, licence and citation.

    Parameters
    ----------
    manifest
        The release (its `files` may still lack these texts).
    order_rows
        Rows of the shortest training order.
    """
    return {"README.md": _card(manifest, order_rows), "LICENSE": _licence(manifest), "CITATION.cff": _citation(manifest)}


def _card(manifest: Manifest, order_rows: int) -> str:
    header = yaml.safe_dump(_metadata(manifest), sort_keys=False, allow_unicode=True)
    body = CARD.format(
        name=manifest.name,
        version=manifest.version,
        summary=manifest.summary,
        folder="path/to/this/folder",
        sizes=", ".join(f"{size:,}" for size in sizes_up_to(order_rows)),
        columns="\n".join(f"| `{c.name}` | {c.type} | {c.unit} | {c.meaning} |" for c in STRUCTURES),
        teacher=manifest.teacher.name,
        engine=manifest.teacher.engine,
        teacher_sha256=manifest.teacher.sha256,
        driver=manifest.driver.name,
        driver_engine=manifest.driver.engine,
        driver_sha256=manifest.driver.sha256,
        digest=manifest.digest,
        licence=manifest.licence,
        **manifest.counts.model_dump(),
    )
    return f"---\n{header}---\n\n{body}"


def _metadata(manifest: Manifest) -> dict[str, Any]:
    description = f"{manifest.name} {manifest.version}, digest {manifest.digest}"
    folds = sorted(path for path in manifest.files if path.startswith("splits/train_order-fold"))
    files = {"default": ("data/*.parquet", STRUCTURES), "folds": ("splits/folds.parquet", FOLDS)}
    files |= {f"train_order_fold{i}": (path, TRAIN_ORDER) for i, path in enumerate(folds)}
    configs = [
        {
            "config_name": name,
            "description": description,
            "data_files": [{"split": "train", "path": path}],
            **({"default": True} if name == "default" else {}),
        }
        for name, (path, _) in files.items()
    ]
    info = [
        {"config_name": name, "description": description, "features": [_feature(column) for column in columns]}
        for name, (_, columns) in files.items()
    ]
    return {
        "license": manifest.licence.lower(),
        "pretty_name": f"{manifest.name} {manifest.version}",
        "tags": ["chemistry", "materials-science", "synthetic"],
        "configs": configs,
        "dataset_info": info,
    }


def _feature(column: Column) -> dict[str, Any]:
    if column.is_vectors:
        leaf = column.type.value_type.value_type
        return {"name": column.name, "dtype": {"array2_d": {"shape": [None, 3], "dtype": _dtype(leaf)}}}
    if pa.types.is_list(column.type):
        return {"name": column.name, "list": _dtype(column.type.value_type)}
    return {"name": column.name, "dtype": _dtype(column.type)}


def _dtype(kind: pa.DataType) -> str:
    return {"double": "float64", "float": "float32"}.get(str(kind), str(kind))


def _licence(manifest: Manifest) -> str:
    return f"{manifest.name} {manifest.version} is published under {manifest.licence}.\n\n{LICENCES.get(manifest.licence, '')}"


def _citation(manifest: Manifest) -> str:
    citation = {
        "cff-version": "1.2.0",
        "message": "If you use this dataset, please cite it and the study whose idea it follows.",
        "type": "dataset",
        "title": f"{manifest.name}: {manifest.summary}",
        "version": manifest.version,
        "license": manifest.licence,
        "authors": [{"name": "The SynthAtoms developers"}],
        "identifiers": [{"type": "other", "value": f"sha256:{manifest.digest}", "description": "digest of the contents"}],
        "references": [
            {
                "type": "article",
                "title": "Synthetic data enable experiments in atomistic machine learning",
                "authors": [
                    {"family-names": "Gardner", "given-names": "John L. A."},
                    {"family-names": "Faure Beaulieu", "given-names": "Zoé"},
                    {"family-names": "Deringer", "given-names": "Volker L."},
                ],
                "journal": "Digital Discovery",
                "year": 2023,
                "doi": "10.1039/D2DD00137C",
            }
        ],
    }
    return yaml.safe_dump(citation, sort_keys=False, allow_unicode=True)
