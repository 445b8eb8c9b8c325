from __future__ import annotations

import pytest

from dataset_builder.errors import RecipeError
from dataset_builder.make.recipe import (
    RECIPES,
    describe_keys,
    find_recipe,
    frames_per_trajectory,
    read_recipe,
    recipe_digest,
    trajectory_plans,
)

MISTAKES = {
    "unknown key": ("radius =", "raduis =", "the unknown key 'raduis'"),
    "missing key": ("licence =", "# licence =", "licence: expected this key, got none"),
    "wrong type": ("atoms = 64", 'atoms = "many"', "structures.atoms: expected a valid integer, got 'many'"),
    "no such element": ('element = "C"', 'element = "Qq"', "expected a chemical symbol, got 'Qq'"),
    "uneven stage": ("duration = 3.0", "duration = 3.3", "whole multiple of snapshot_interval"),
    "misspelt word": ('end = "anneal"', 'end = "aneal"', "or 'anneal', got 'aneal'"),
    "no value": ("seed = 2022", "seed =", "expected valid TOML"),
    "too many folds": ("folds = 5", "folds = 50", "at least 50 trajectories"),
    "repeated density": ("[1.0, 1.5,", "[1.0, 1.0,", "distinct values"),
    "text for a number": ("atoms = 64", 'atoms = "64"', "expected a valid integer, got '64'"),
    "true for a number": ("seed = 2022", "seed = true", "expected a valid integer, got True"),
    "huge seed": ("seed = 2022", "seed = 18446744073709551616", "seed"),
    "too many atoms": ("atoms = 64", "atoms = 40000", "less than or equal to 32767"),
    "infinite margin": ("temperature_margin = 500", "temperature_margin = inf", "finite"),
    "infinite": ("radius = 0.5", "radius = inf", "finite"),
    "command injection": ('pair_style = "tersoff"', 'pair_style = "tersoff\\nshell rm -rf x"', "pattern"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named_in_one_line(mistake, tmp_path):
    before, after, message = MISTAKES[mistake]
    text = find_recipe("demo").read_text()
    assert before in text
    (tmp_path / "r.toml").write_text(text.replace(before, after, 1))
    with pytest.raises(RecipeError) as caught:
        read_recipe(tmp_path / "r.toml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_key_is_documented():
    undocumented = [key for key, meaning in describe_keys() if not meaning]
    assert not undocumented
    assert {"seed", "dynamics.stages.duration", "checks.min_distance"} <= {key for key, _ in describe_keys()}


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipe_is_valid_and_named_like_its_file(path):
    assert read_recipe(path).name == path.stem


def test_digest_ignores_layout_and_sees_values(tmp_path):
    text = find_recipe("demo").read_text()
    (tmp_path / "same.toml").write_text("# a comment\n" + text.replace("seed = 2022", "seed    =   2022"))
    (tmp_path / "other.toml").write_text(text.replace("seed = 2022", "seed = 2023"))
    demo, same, other = (recipe_digest(read_recipe(p)) for p in (find_recipe("demo"), tmp_path / "same.toml", tmp_path / "other.toml"))
    assert demo == same != other


def test_demo_is_as_large_as_promised():
    """The issue's floor: 12 trajectories over 1.0-3.5 g/cm³, 64 atoms, 10 frames."""
    recipe = read_recipe(find_recipe("demo"))
    assert len(trajectory_plans(recipe)) >= 12
    assert frames_per_trajectory(recipe) >= 10
    assert recipe.structures.atoms == 64
    assert (min(recipe.structures.densities), max(recipe.structures.densities)) == (1.0, 3.5)


def test_missing_recipe_names_the_shipped_ones():
    with pytest.raises(RecipeError, match="one of demo"):
        find_recipe("nonsense")
