"""The rules of the ranking: what is compared with what, and what a gap does."""

from __future__ import annotations

import itertools
import random
from io import StringIO

import pytest
from rich.console import Console

from leaderboard.errors import RankingError
from leaderboard.table import format_table, rank_results
from tests.leaderboard.factory import make_curve_results, make_release, make_result, make_trajectories


def ranks(results) -> dict[str, int | None]:
    (ranking,) = rank_results(results)
    return {entry.model: entry.rank for entry in ranking.entries}


def test_lower_mae_at_the_same_size_ranks_higher():
    results = make_curve_results("worse", {100: 90, 1000: 40}) + make_curve_results("better", {100: 95, 1000: 30})
    assert ranks(results) == {"better": 1, "worse": 2}


def test_model_with_larger_size_ranks_above_model_without_it():
    results = make_curve_results("small", {100: 10}) + make_curve_results("large", {100: 90, 1000: 60})
    assert ranks(results) == {"large": 1, "small": 2}


def test_size_without_all_folds_is_shown_and_does_not_count():
    results = make_curve_results("whole", {100: 90, 1000: 60})
    results += make_curve_results("partial", {100: 95}) + make_curve_results("partial", {1000: 20}, folds=[3])
    (ranking,) = rank_results(results)
    entry = ranking.entries[1]
    assert (entry.model, entry.rank, entry.ranked_at.n_train) == ("partial", 2, 100)
    assert not entry.cells[1].is_complete
    assert entry.cells[1].mae_mev == pytest.approx(20.6)


def test_model_without_a_complete_size_is_last_and_unranked():
    results = make_curve_results("whole", {100: 90}) + make_curve_results("lucky", {100: 1}, folds=[0])
    assert ranks(results) == {"whole": 1, "lucky": None}


def test_equal_scores_share_a_rank():
    results = [result for model in "abc" for result in make_curve_results(model, {100: 9 if model == "c" else 5})]
    assert ranks(results) == {"a": 1, "b": 1, "c": 3}


def test_missing_size_is_a_gap():
    results = make_curve_results("whole", {100: 90, 310: 70, 1000: 50}) + make_curve_results("gappy", {100: 80, 1000: 45})
    (ranking,) = rank_results(results)
    assert ranking.sizes == (100, 310, 1000)
    assert ranking.entries[0].cells[1] is None


def test_releases_and_tracks_never_share_a_ranking():
    other = make_release(version="1.10.0", digest="b2" * 32)
    newer = make_release(version="1.9.0", digest="c3" * 32)
    results = [make_result(), make_result(release=other), make_result(release=newer), make_result(track="transfer")]
    rankings = rank_results(results)
    assert [(r.release.version, r.track) for r in rankings] == [
        ("1.10.0", "per-atom"),
        ("1.9.0", "per-atom"),
        ("1.0.0", "per-atom"),
        ("1.0.0", "transfer"),
    ]
    assert all(len(ranking.entries) == 1 for ranking in rankings)


def test_mean_and_deviation_are_over_folds():
    results = [make_result(fold=fold, mae_mev=mae) for fold, mae in enumerate((10, 12, 17))]
    cell = rank_results(results)[0].entries[0].cells[0]
    assert (cell.mae_mev, cell.fold_maes) == (13, ((0, 10), (1, 12), (2, 17)))
    assert cell.sd_mev == pytest.approx(13**0.5)  # sample variance of 10, 12, 17: (9 + 1 + 16) / 2


def test_seeds_are_averaged_inside_their_fold():
    results = [make_result(mae_mev=10), make_result(mae_mev=20, seed=1), make_result(mae_mev=30, fold=1)]
    cell = rank_results(results)[0].entries[0].cells[0]
    assert (cell.mae_mev, len(cell.fold_maes)) == (22.5, 2)


def test_single_fold_has_no_deviation_and_single_trajectory_no_interval():
    lonely = make_trajectories(100, 0, spread=(1.0,))
    cell = rank_results([make_result(by_trajectory=lonely)])[0].entries[0].cells[0]
    assert cell.sd_mev is None
    assert cell.interval_mev is None


def test_interval_pools_the_trajectories_of_all_folds_in_mev():
    spread = (0.5, 0.8, 1.2, 1.5)
    results = [make_result(fold=fold, by_trajectory=make_trajectories(100, fold, spread)) for fold in range(5)]
    low, high = rank_results(results)[0].entries[0].cells[0].interval_mev
    assert 80 < low < 100 < high < 120


def test_interval_keeps_one_trajectory_of_two_seeds_one_unit():
    spread = (0.5, 0.8, 1.2, 1.5)
    once = [make_result(by_trajectory=make_trajectories(100, 0, spread))]
    twice = [*once, make_result(seed=1, by_trajectory=make_trajectories(100, 0, spread))]
    intervals = [rank_results(results)[0].entries[0].cells[0].interval_mev for results in (once, twice)]
    assert intervals[0] == pytest.approx(intervals[1])


def test_order_of_results_does_not_matter():
    results = make_curve_results("a", {100: 9, 310: 7}) + make_curve_results("b", {100: 8})
    shuffled = random.Random(0).sample(results, len(results))
    assert rank_results(shuffled) == rank_results(results)


def test_result_given_twice_counts_once():
    results = make_curve_results("a", {100: 9})
    assert rank_results(results + results) == rank_results(results)


def test_two_different_results_for_one_task_are_an_error():
    with pytest.raises(RankingError, match=r"'ridge'.*N = 100, fold 0, seed 0: expected one result per task"):
        rank_results([make_result(mae_mev=1), make_result(mae_mev=2)])


def test_one_digest_for_two_releases_is_an_error():
    with pytest.raises(RankingError, match="release digest a1a1"):
        rank_results([make_result(), make_result("other", release=make_release(name="impostor"))])


def test_no_results_give_no_rankings():
    assert rank_results(itertools.chain()) == []


def test_terminal_table_shows_errors_gaps_and_partial_sizes():
    results = make_curve_results("[red]whole\x1b[0m", {100: 90, 1000: 50}) + make_curve_results("gappy", {100: 80}, folds=[0])
    console = Console(file=StringIO(), width=100)
    console.print(format_table(rank_results(results)[0]))
    text = console.file.getvalue()
    assert all(part in text for part in ("[red]whole�", "91.8", "51.0", "80.0*", "–", "1k"))
    assert "\x1b" not in text
