"""From folders of results to a folder of pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmark.errors import ResultsError
from dataset_builder.errors import InputError
from leaderboard.build import MARKER, build_site
from leaderboard.errors import RankingError, SiteError
from leaderboard.profile import make_slugs
from tests.leaderboard.factory import make_curve_results, make_release, make_result, write_folder

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7*7}}"


def read_all(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def build(tmp_path: Path, results) -> Path:
    return build_site([write_folder(tmp_path / "results", results)], tmp_path / "site").parent


def test_site_has_front_page_model_pages_data_and_script(tmp_path):
    index = build_site([write_folder(tmp_path / "results", make_curve_results("ridge", {100: 9, 310: 5}))], tmp_path / "deep" / "site")
    assert index == tmp_path / "deep" / "site" / "index.html"
    names = {
        MARKER,
        "index.html",
        "models/ridge.html",
        "api/v1/results.json",
        "results.csv",
        "static/plotly.min.js",
        "static/plot.js",
        "static/style.css",
    }
    assert set(read_all(index.parent)) == names


def test_building_twice_gives_identical_bytes(tmp_path):
    results = make_curve_results("a", {100: 9, 310: 5}) + make_curve_results("b", {100: 8})
    first = read_all(build(tmp_path, results))
    second = read_all(build(tmp_path, list(reversed(results))))
    assert first == second


def test_rebuild_replaces_the_whole_site(tmp_path):
    build(tmp_path, make_curve_results("old", {100: 9}))
    site = build(tmp_path, make_curve_results("new", {100: 9}))
    assert [path.name for path in (site / "models").iterdir()] == ["new.html"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", "site"]


def test_empty_folder_is_taken(tmp_path):
    (tmp_path / "site").mkdir()
    assert (build(tmp_path, [make_result()]) / "index.html").is_file()


def test_foreign_folder_is_refused_and_untouched(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "thesis.tex").write_text("years of work")
    with pytest.raises(SiteError, match="expected a new or empty folder") as caught:
        build(tmp_path, [make_result()])
    assert isinstance(caught.value, InputError)
    assert list(read_all(tmp_path / "site")) == ["thesis.tex"]


def test_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "site").write_text("a file")
    with pytest.raises(SiteError, match="got a file"):
        build(tmp_path, [make_result()])


def test_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SiteError, match="expected a folder that can be written"):
        build_site([write_folder(tmp_path / "results", [make_result()])], tmp_path / "file" / "deep" / "site")


@pytest.mark.parametrize("trouble", [ResultsError, RankingError])
def test_bad_results_leave_the_old_site(tmp_path, trouble):
    before = read_all(build(tmp_path, [make_result()]))
    folder = tmp_path / "results"
    if trouble is ResultsError:
        (folder / "all.jsonl").write_text("{}\n")
    else:
        write_folder(folder, [make_result(mae_mev=1), make_result(mae_mev=2)])
    with pytest.raises(trouble):
        build_site([folder], tmp_path / "site")
    assert read_all(tmp_path / "site") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", "site"]


def test_failed_move_puts_the_old_site_back(tmp_path, monkeypatch):
    before = read_all(build(tmp_path, [make_result()]))
    rename = Path.rename

    def fail_for_new(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError("disk full")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_new)
    with pytest.raises(OSError, match="disk full"):
        build(tmp_path, [make_result("other")])
    assert read_all(tmp_path / "site") == before


def test_hostile_text_is_escaped_everywhere(tmp_path):
    release = make_release(name=HOSTILE, version=HOSTILE, digest=HOSTILE)
    result = make_result(
        HOSTILE,
        description=HOSTILE,
        model_path=HOSTILE,
        options={HOSTILE: HOSTILE},
        versions={HOSTILE: HOSTILE},
        track=HOSTILE,
        release=release,
    )
    site = build(tmp_path, [result])
    for page in (site / "index.html", *(site / "models").iterdir()):
        text = page.read_text(encoding="utf-8")
        assert "<script>" not in text
        assert "<img" not in text
        assert "onerror=alert(2)&gt;" in text
        assert text.count("</script>") == 3  # Plotly, plot.js and one figure


def test_page_states_release_rule_and_provenance(tmp_path):
    text = (build(tmp_path, make_curve_results("a", {100: 9})) / "index.html").read_text(encoding="utf-8")
    for part in ("a1" * 32, "c-gap-mini 1.0", "ranked by the largest training size", "against the teacher", "5 results of 1 models"):
        assert part in text
    assert not re.search(r"20[2-9][0-9]-[01][0-9]-[0-3][0-9]", text)


def test_published_curves_are_never_rows_of_the_ranking(tmp_path):
    site = build(tmp_path, make_curve_results("a", {100: 9}))
    ranking = re.search(r'<table class="ranking">.*?</table>', (site / "index.html").read_text(encoding="utf-8"), re.DOTALL)
    assert ranking is not None
    assert ranking[0].count('<th scope="row"') == 1
    assert "fit</th>" not in ranking[0]
    assert b"Sparse GPR" not in (site / "api/v1/results.json").read_bytes() + (site / "results.csv").read_bytes()


def test_two_releases_have_two_tables(tmp_path):
    other = make_release(version="2.0.0", digest="b2" * 32)
    site = build(tmp_path, make_curve_results("a", {100: 9}) + make_curve_results("b", {100: 1}, release=other))
    tables = re.findall(r'<table class="ranking">.*?</table>', (site / "index.html").read_text(encoding="utf-8"), re.DOTALL)
    assert [("a.html" in table, "b.html" in table) for table in tables] == [(False, True), (True, False)]


def test_gap_is_marked_as_not_run(tmp_path):
    site = build(tmp_path, make_curve_results("a", {100: 9, 310: 5}) + make_curve_results("b", {100: 8}))
    assert (site / "index.html").read_text(encoding="utf-8").count("not run</span>") == 1


def test_model_page_pools_coordination_over_folds(tmp_path):
    site = build(tmp_path, [make_result(mae_mev=100), make_result(mae_mev=200, fold=1)])
    text = (site / "models" / "ridge.html").read_text(encoding="utf-8")
    assert '<th scope="row" class="number">2</th><td class="number">300.0</td>' in text  # (200 + 400) / 2


def test_slugs_are_safe_and_unique():
    slugs = make_slugs(["GPR", "gpr", "../../etc/passwd", "模型", "con fusion", "x" * 80, "a\x00b"])
    assert len(set(slugs.values())) == len(slugs)
    assert all(re.fullmatch(r"[a-z0-9_-]{1,80}", slug) for slug in slugs.values())
    assert slugs["../../etc/passwd"] == "etc-passwd"
    assert slugs["GPR"].startswith("gpr--")
