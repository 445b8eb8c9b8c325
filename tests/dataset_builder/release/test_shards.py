from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.release.schema import STRUCTURES, arrow_schema
from dataset_builder.release.shards import column_digests, structures_table, write_parquet
from dataset_builder.structure import LabelledStructure, Labels, Structure


def labelled(structure_id: int, n: int) -> LabelledStructure:
    random = np.random.default_rng(structure_id)
    structure = Structure(np.full(n, 6), random.random((n, 3)), 5 * np.eye(3), np.ones(3))
    local = random.normal(size=n)
    labels = Labels(float(local.sum()), local, random.normal(size=(n, 3)))
    return LabelledStructure(structure, labels, structure_id, structure_id // 2, structure_id % 2, 2.0, 3000.0, 1.0, "melt")


FRAMES = [labelled(i, n) for i, n in enumerate((1, 7, 3, 64))]


def test_values_survive_the_file_exactly(tmp_path):
    rows = write_parquet(tmp_path / "a.parquet", [structures_table(FRAMES)], arrow_schema(STRUCTURES))
    table = pq.read_table(tmp_path / "a.parquet")
    assert rows == len(table) == 4
    for frame, row in zip(FRAMES, table.to_pylist(), strict=True):
        np.testing.assert_array_equal(row["positions"], frame.structure.positions)
        np.testing.assert_array_equal(row["local_energies"], frame.labels.local_energies)
        np.testing.assert_array_equal(np.float32(row["forces"]), frame.labels.forces.astype(np.float32))
        assert row["energy"] == frame.labels.energy


def test_column_digests_do_not_depend_on_row_groups_but_on_every_bit():
    whole = structures_table(FRAMES)
    parts = pa.concat_tables([structures_table(FRAMES[:1]), structures_table(FRAMES[1:])])
    assert column_digests(whole) == column_digests(parts)
    energy = whole.column("energy").to_numpy().copy()
    energy[2] = np.nextafter(energy[2], np.inf)
    changed = whole.set_column(whole.column_names.index("energy"), whole.schema.field("energy"), pa.array(energy))
    differing = [name for name, digest in column_digests(changed).items() if digest != column_digests(whole)[name]]
    assert differing == ["energy"]


def test_digest_sees_where_lists_end():
    one, other = (pa.table({"x": pa.array(lists, pa.list_(pa.float64()))}) for lists in ([[1.0], [2.0, 3.0]], [[1.0, 2.0], [3.0]]))
    assert column_digests(one) != column_digests(other)


def test_floats_are_byte_stream_split_and_units_are_kept(tmp_path):
    write_parquet(tmp_path / "a.parquet", [structures_table(FRAMES)], arrow_schema(STRUCTURES))
    file = pq.ParquetFile(tmp_path / "a.parquet")
    encodings = {
        file.metadata.row_group(0).column(i).path_in_schema: file.metadata.row_group(0).column(i).encodings
        for i in range(file.metadata.num_columns)
    }
    assert "BYTE_STREAM_SPLIT" in encodings["positions.list.element.list.element"]
    assert file.schema_arrow.field("positions").metadata[b"unit"].decode() == "Å"


def test_no_temporary_file_is_left(tmp_path):
    write_parquet(tmp_path / "a.parquet", [structures_table(FRAMES)], arrow_schema(STRUCTURES))
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]
