"""The release as users and other programs meet it: our reader, `datasets`, and the checks."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from dataset_builder.errors import ReleaseError
from dataset_builder.release.manifest import Manifest, content_digest, hash_file, read_manifest
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
    whole = Manifest.model_validate_json(json.dumps(manifest))
    manifest["digest"] = content_digest(whole.recipe, whole.teacher, whole.driver, whole.files)
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
    digest = read_manifest(copy_of_tiny).digest
    rewrite(copy_of_tiny, SHARD, lambda table: table.slice(0, 3))
    card = (copy_of_tiny / "README.md").read_text()
    assert card.count(f"digest {digest}") >= 2
    (copy_of_tiny / "README.md").write_text(card.replace(digest, read_manifest(copy_of_tiny).digest))
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


def leave_an_atom_out_of_bounds(folder):
    rewrite(
        folder, "splits/train_order-fold2.parquet", lambda t: set_values(t, "atom_index", [12, *t.column("atom_index").to_pylist()[1:]])
    )


CORRUPTIONS = {
    "flip a byte": (flip_a_byte, "the file was altered"),
    "truncate": (lambda f: (f / SHARD).write_bytes((f / SHARD).read_bytes()[:-100]), "the file was altered"),
    "drop a shard": (lambda f: (f / SHARD).unlink(), "expected a file named in the manifest"),
    "add a shard": (
        lambda f: (f / "data/part-00009-of-00001.parquet").write_bytes((f / SHARD).read_bytes()),
        "only files that the manifest names",
    ),
    "edit the card": (lambda f: (f / "README.md").write_text("better"), "the file was altered"),
    "change a label, mend the digests": (change_a_label, "local energies that sum to the total"),
    "reorder rows, mend the digests": (
        lambda f: rewrite(f, SHARD, lambda t: t.take(list(range(len(t)))[::-1])),
        "ascending, distinct structure ids",
    ),
    "drop the units, mend the digests": (
        lambda f: rewrite(f, SHARD, lambda t: t.cast(pa.schema([x.remove_metadata() for x in t.schema]))),
        "schema of a release",
    ),
    "drop a structure, mend the digests": (lambda f: rewrite(f, SHARD, lambda t: t.slice(1)), "MANIFEST.json, structures"),
    "drop a trajectory's fold": (lambda f: rewrite(f, "splits/folds.parquet", lambda t: t.slice(1)), "each trajectory in one fold"),
    "train on the test set": (train_on_the_test_set, "no environment of the fold's own trajectories"),
    "repeat a training row": (
        lambda f: rewrite(f, "splits/train_order-fold1.parquet", lambda t: t.take([0, 0, *range(2, len(t))])),
        "each environment once",
    ),
    "an atom that does not exist": (leave_an_atom_out_of_bounds, "atoms that exist"),
    "change the digest": (edit_manifest(digest="0" * 64), "of the contents it lists"),
    "change the recipe": (edit_manifest(recipe={"name": "other"}), "of the contents it lists"),
    "change the coordination cut-off": (edit_manifest(coordination_cutoff=2.6), "MANIFEST.json, coordination_cutoff"),
    "hide a reject": (
        edit_manifest(rejects=7 * [{"trajectory_id": 0, "frame": 0, "check": "x", "detail": "y"}]),
        "MANIFEST.json, rejected",
    ),
    "unknown key": (edit_manifest(extra=1), "the unknown key 'extra'"),
    "no manifest": (lambda f: (f / "MANIFEST.json").unlink(), "expected a release folder"),
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_verify_finds(corruption, copy_of_tiny):
    act, message = CORRUPTIONS[corruption]
    act(copy_of_tiny)
    with pytest.raises(ReleaseError, match=message) as caught:
        verify_release(copy_of_tiny)
    assert "\n" not in str(caught.value)


def test_a_label_changed_with_its_total_changes_the_digest(copy_of_tiny, tiny_folder):
    """Nothing but the digest can tell: which is why results and submissions name it."""
    change_label_and_total(copy_of_tiny)
    assert verify_release(copy_of_tiny).digest != read_manifest(tiny_folder).digest
