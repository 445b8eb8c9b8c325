"""The release as users and other programs meet it: our reader, `datasets`, and the checks."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from dataset_builder.errors import ReleaseError
from dataset_builder.release.manifest import hash_file, read_manifest
from dataset_builder.release.reader import open_release
from dataset_builder.release.schema import STRUCTURES
from dataset_builder.release.shards import column_digests
from dataset_builder.release.verify import verify_release

SHARD = "data/part-00000-of-00001.parquet"


def rewrite(folder, name, change):
    """Change a file's table and mend all that the manifest says of it, as a careful forger would."""
    table = change(pq.read_table(folder / name))
    pq.write_table(table, folder / name)
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    entry = {
        "sha256": hash_file(folder / name),
        "bytes": (folder / name).stat().st_size,
        "rows": len(table),
        "columns": column_digests(table),
    }
    manifest["files"][name] = entry
    (folder / "MANIFEST.json").write_text(json.dumps(manifest))


def set_values(table, column, values):
    field = table.schema.field(column)
    return table.set_column(table.column_names.index(column), field, pa.array(values, field.type))


def test_reader_and_datasets_see_the_same_values(tiny_folder, tiny_release, tmp_path):
    rows = load_dataset(str(tiny_folder), split="train", cache_dir=str(tmp_path)).with_format("numpy", dtype=None)
    columns = tiny_release.structures
    assert len(rows) == len(columns) == tiny_release.manifest.counts.structures
    for i in (0, len(rows) - 1):
        np.testing.assert_array_equal(rows[i]["positions"], columns.structure(i).positions)
        np.testing.assert_array_equal(rows[i]["local_energies"], columns.local_energies[columns.offsets[i] : columns.offsets[i + 1]])
        assert rows[i]["positions"].dtype == rows[i]["local_energies"].dtype == np.float64


def test_first_rows_of_the_order_are_the_training_set(tiny_folder, tiny_release, tmp_path):
    order = load_dataset(str(tiny_folder), "train_order_fold0", split="train[:100]", cache_dir=str(tmp_path))
    structure, atom = tiny_release.train_order(0)
    assert order["rank"][:] == list(range(100))
    assert order["structure_id"][:] == structure[:100].tolist()
    assert order["atom_index"][:] == atom[:100].tolist()


def test_every_configuration_of_the_card_loads(tiny_folder, tmp_path):
    folds = load_dataset(str(tiny_folder), "folds", split="train", cache_dir=str(tmp_path))
    assert sorted(set(folds["fold"])) == [0, 1, 2, 3, 4]
    assert {column.name for column in STRUCTURES} == set(
        load_dataset(str(tiny_folder), split="train", cache_dir=str(tmp_path)).column_names
    )


def test_a_rebuilt_folder_does_not_answer_from_the_cache(copy_of_tiny, tmp_path):
    """The trap: `load_dataset` keys its cache by the card, so the card must name the contents."""
    load_dataset(str(copy_of_tiny), split="train", cache_dir=str(tmp_path))
    rewrite(copy_of_tiny, SHARD, lambda table: table.slice(0, 3))
    card = (copy_of_tiny / "README.md").read_text()
    digest = read_manifest(copy_of_tiny).digest
    assert card.count(f"digest {digest}") >= 2
    (copy_of_tiny / "README.md").write_text(card.replace(digest, "0" * 64))
    assert len(load_dataset(str(copy_of_tiny), split="train", cache_dir=str(tmp_path))) == 3


def test_labels_sum_to_the_total_energy(tiny_release):
    table = tiny_release.read(SHARD)
    for row in table.to_pylist():
        assert sum(row["local_energies"]) == pytest.approx(row["energy"], abs=1e-8)


def test_untouched_release_verifies(tiny_folder):
    assert verify_release(tiny_folder).digest == read_manifest(tiny_folder).digest


def flip_a_byte(folder):
    content = bytearray((folder / SHARD).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / SHARD).write_bytes(content)


def change_a_label(folder):
    def change(table):
        local = table.column("local_energies").to_pylist()
        local[0][0] += 0.01
        return set_values(table, "local_energies", local)

    rewrite(folder, SHARD, change)


def change_label_and_total(folder):
    def change(table):
        local, energy = table.column("local_energies").to_pylist(), table.column("energy").to_pylist()
        local[0][0] += 0.5
        energy[0] += 0.5
        return set_values(set_values(table, "local_energies", local), "energy", energy)

    rewrite(folder, SHARD, change)


def train_on_the_test_set(folder):
    fold = open_release(folder).folds[0]
    tested = open_release(folder).structures
    leaked = int(tested.structure_id[np.isin(tested.trajectory_id, fold)][0])
    rewrite(
        folder,
        "splits/train_order-fold0.parquet",
        lambda t: set_values(t, "structure_id", [leaked, *t.column("structure_id").to_pylist()[1:]]),
    )


def edit_manifest(**changes):
    def edit(folder):
        manifest = json.loads((folder / "MANIFEST.json").read_text())
        (folder / "MANIFEST.json").write_text(json.dumps(manifest | changes))

    return edit


CORRUPTIONS = {
    "flip a byte": flip_a_byte,
    "truncate": lambda f: (f / SHARD).write_bytes((f / SHARD).read_bytes()[:-100]),
    "drop a shard": lambda f: (f / SHARD).unlink(),
    "add a shard": lambda f: (f / "data/part-00009-of-00001.parquet").write_bytes((f / SHARD).read_bytes()),
    "edit the card": lambda f: (f / "README.md").write_text("better"),
    "change a label, fix its checksum": change_a_label,
    "change label and total, fix the checksum": change_label_and_total,
    "reorder rows, fix the checksum": lambda f: rewrite(f, SHARD, lambda t: t.take(list(range(len(t)))[::-1])),
    "drop the units, fix the checksum": lambda f: rewrite(f, SHARD, lambda t: t.cast(pa.schema([x.remove_metadata() for x in t.schema]))),
    "drop a trajectory's fold": lambda f: rewrite(f, "splits/folds.parquet", lambda t: t.slice(1)),
    "train on the test set": train_on_the_test_set,
    "repeat a training row": lambda f: rewrite(f, "splits/train_order-fold1.parquet", lambda t: t.take([0, 0, *range(2, len(t))])),
    "change the digest": edit_manifest(digest="0" * 64),
    "change the recipe": edit_manifest(recipe={"name": "other"}),
    "unknown key": edit_manifest(extra=1),
    "no manifest": lambda f: (f / "MANIFEST.json").unlink(),
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_verify_finds(corruption, copy_of_tiny):
    CORRUPTIONS[corruption](copy_of_tiny)
    with pytest.raises(ReleaseError) as caught:
        verify_release(copy_of_tiny)
    assert "\n" not in str(caught.value)
