"""The recipe of a fit: which terms the potential has, and how far each class of cells is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from dataset_builder.errors import RecipeError
from dataset_builder.make.recipe import find_toml
from dataset_builder.release.records import Record, read_toml

if TYPE_CHECKING:
    from dataset_builder.make.fitting_data import PbeCell

SHIPPED = {"c-gap-mini": Path(__file__).parent / "teachers" / "c_gap_mini" / "fit.toml"}
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class TwoBody(Record):
    """Pairs, described by their distance; squared-exponential kernel."""

    cutoff: Positive = Field(description="longest distance [Å]")
    delta: Positive = Field(description="expected energy of one pair's contribution [eV]")
    theta: Positive = Field(description="length over which that energy varies [Å]")
    n_sparse: Count = Field(description="number of sparse points, spread uniformly")


class ThreeBody(Record):
    """Triplets around an atom, described by r1+r2, (r1-r2)², r3; squared-exponential kernel."""

    cutoff: Positive = Field(description="longest of the two distances from the central atom [Å]")
    delta: Positive = Field(description="expected energy of one triplet's contribution [eV]")
    theta: Positive = Field(description="length over which that energy varies, the same number for all three coordinates [Å, Å², Å]")
    n_sparse: Count = Field(description="number of sparse points, spread uniformly")


class Soap(Record):
    """Whole neighbourhoods, described by smooth overlap of atomic positions; dot-product kernel to the power zeta."""

    cutoff: Positive = Field(description="radius of the neighbourhood [Å]")
    cutoff_transition_width: Positive = Field(description="width of the smooth end of the neighbourhood [Å]")
    atom_sigma: Positive = Field(description="width of the Gaussian on each neighbour [Å]")
    n_max: Count = Field(description="number of radial functions")
    l_max: Annotated[int, Field(ge=0)] = Field(description="highest angular momentum")
    zeta: Count = Field(description="power of the kernel")
    delta: Positive = Field(description="expected energy of one atom's contribution [eV]")
    n_sparse: Count = Field(description="number of sparse points")
    sparse_method: Literal["cur_points", "random"] = Field(
        description="how gap_fit picks the sparse points: by leverage (CUR), or at random"
    )


class Regularisation(Record):
    """Expected errors of one class of cells; the first class that a cell fits into counts."""

    config_types: list[str] = Field(min_length=1, description='kinds of cell in this class; "*" is any')
    min_temperature: float = Field(
        default=0.0, ge=0, description="only cells taken at this temperature or above [K]; cells from no MD run count as 0"
    )
    energy: Positive = Field(description="expected energy error [eV/atom]")
    force: Positive = Field(description="expected error of a force component [eV/Å]")


class FitRecipe(Record):
    """A fit, whole."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$", description="name of the potential, and of its file")
    data: str = Field(min_length=1, description="Parquet file of labelled cells with a column `split` (relative to this file)")
    selection: str | None = Field(
        default=None, description="CSV file with the settings tried and their validation errors, for the model card (relative to this file)"
    )
    seed: Count = Field(description="seed of gap_fit's random choices")
    threads: Count = Field(description="OpenMP threads of gap_fit; another number may change the last digits")
    max_force: Positive = Field(description="training cells with a larger force component are left out [eV/Å]")
    sparse_jitter: Positive = Field(description="added to the diagonal of the sparse covariance, as a fraction")
    two_body: TwoBody = Field(description="the pair term")
    three_body: ThreeBody = Field(description="the triplet term")
    soap: list[Soap] = Field(min_length=1, description="the many-body terms")
    regularisation: list[Regularisation] = Field(min_length=1, description="expected errors by class of cell, the first that fits counts")

    @model_validator(mode="after")
    def _covers_all_cells(self) -> FitRecipe:
        last = self.regularisation[-1]
        if "*" not in last.config_types or last.min_temperature > 0:
            raise ValueError('a last [[regularisation]] for the rest, with config_types ["*"] and no min_temperature')
        return self


def find_fit_recipe(name_or_path: str) -> Path:
    """Return the file of a shipped fit recipe's name, or of a path; raises `RecipeError` as `find_toml` does."""
    return find_toml(name_or_path, SHIPPED)


def read_fit_recipe(path: Path) -> FitRecipe:
    """Read and check the recipe of a fit.

    Raises
    ------
    RecipeError
        If the file is not TOML, a key is unknown or missing, or a value is impossible.
    """
    return read_toml(path, FitRecipe, RecipeError)


def class_of(settings: FitRecipe, cell: PbeCell) -> int:
    """Return the number of the first class of expected errors that a cell fits into."""
    temperature = cell.temperature or 0.0
    rules = enumerate(settings.regularisation)
    return next(i for i, rule in rules if {cell.config_type, "*"} & set(rule.config_types) and temperature >= rule.min_temperature)


def descriptor_strings(settings: FitRecipe) -> list[str]:
    """Return the terms of the potential as gap_fit writes them."""
    two, three = settings.two_body, settings.three_body
    pairs = f"distance_2b cutoff={two.cutoff} covariance_type=ard_se delta={two.delta} theta_uniform={two.theta} sparse_method=uniform n_sparse={two.n_sparse} add_species"
    triplets = f"angle_3b cutoff={three.cutoff} covariance_type=ard_se delta={three.delta} theta_uniform={three.theta} sparse_method=uniform n_sparse={three.n_sparse} add_species"
    return [pairs, triplets, *(_soap_string(term) for term in settings.soap)]


def _soap_string(term: Soap) -> str:
    return (
        f"soap cutoff={term.cutoff} cutoff_transition_width={term.cutoff_transition_width} atom_sigma={term.atom_sigma} n_max={term.n_max} l_max={term.l_max} "
        f"zeta={term.zeta} delta={term.delta} covariance_type=dot_product sparse_method={term.sparse_method} n_sparse={term.n_sparse} add_species"
    )
