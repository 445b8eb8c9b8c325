"""A Gaussian approximation potential as teacher, evaluated by quippy.

Per-atom energies belong to teacher *and* engine: another engine may divide the same total differently.
"""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import re
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from dataset_builder.errors import PotentialError
from dataset_builder.release.manifest import PotentialReference
from dataset_builder.structure import Labels, Structure

SPARSE_FILE = re.compile(r'sparseX_filename="([^"]+)"')
DESCRIPTOR = re.compile(r"<descriptor>([^<]*)</descriptor>")
ELEMENT = re.compile(r"\bZ\d?=\{?(\d+)")
SHIPPED = {"c-gap-mini": Path(__file__).parent / "c_gap_mini" / "c_gap_mini.xml.xz"}


class GapTeacher:
    """Energies and forces of a GAP; one instance per process, since quippy's potentials do not pickle.

    Parameters
    ----------
    potential
        Name of a shipped potential, or path of an XML file (plain or ``.xz``).
    folder
        Where a relative path starts.

    Raises
    ------
    PotentialError
        If quippy or the potential is missing, or (at the first structure) quippy cannot read it.
    """

    def __init__(self, potential: str, folder: Path) -> None:
        path = SHIPPED.get(potential, folder / potential)
        self._name, self._xml, self._folder = potential, _read_xml(potential, path), path.parent
        sparse = [_read_sparse(name, path) for name in SPARSE_FILE.findall(self._xml)]
        name = potential if potential in SHIPPED else path.name
        sha256 = hashlib.sha256(b"".join([self._xml.encode(), *sparse])).hexdigest()
        self.reference = PotentialReference(name=name, engine=f"quippy {_quippy_version()}", sha256=sha256)
        self.elements = frozenset(int(z) for text in DESCRIPTOR.findall(self._xml) for z in ELEMENT.findall(text))

    @cached_property
    def _potential(self) -> Any:
        """Quippy's potential, made when the first structure comes: reading its XML takes seconds."""
        from quippy.potential import Potential

        try:
            with contextlib.chdir(self._folder):  # where quippy looks for the files of sparse points that an XML may name
                return Potential(args_str="", param_str=self._xml)
        except RuntimeError as error:
            raise PotentialError(
                f"teacher.potential {self._name}",
                expected="a GAP that quippy can read",
                got=str(error).splitlines()[-1],
                remedy="check the XML file",
            ) from error

    def label(self, structure: Structure) -> Labels:
        """Return energy, per-atom energies and forces [eV, eV/Å]."""
        atoms = structure.to_ase()
        self._potential.calculate(atoms, properties=["energy", "energies", "forces"])
        found = self._potential.results
        return Labels(float(found["energy"]), np.array(found["energies"]), np.array(found["forces"]))


def _read_xml(potential: str, path: Path) -> str:
    try:
        content = path.read_bytes()
        text = (lzma.decompress(content) if path.suffix == ".xz" else content).decode()
    except OSError as error:
        expected = f"{', '.join(SHIPPED)} or the path of a GAP's XML file"
        raise PotentialError(
            f"teacher.potential {potential}", expected=expected, got=error.strerror, remedy="correct the name or the path"
        ) from error
    except (lzma.LZMAError, UnicodeDecodeError) as error:
        raise PotentialError(
            f"teacher.potential {potential}", expected="XML, plain or xz-compressed", got=error, remedy="get the file again"
        ) from error
    if "<GAP_params" not in text:
        raise PotentialError(
            f"teacher.potential {potential}",
            expected="a GAP in XML, as gap_fit writes it",
            got="a file without GAP_params",
            remedy="give the XML file itself",
        )
    return text


def _read_sparse(name: str, xml: Path) -> bytes:
    try:
        return (xml.parent / name).read_bytes()
    except OSError as error:
        raise PotentialError(
            f"teacher.potential {xml.name}",
            expected=f"its file of sparse points {name} beside it",
            got=error.strerror,
            remedy="copy it there",
        ) from error


def _quippy_version() -> str:
    try:
        return version("quippy-ase")
    except PackageNotFoundError as error:
        raise PotentialError(
            "teacher kind gap", expected="an installed quippy", got="none", remedy="install it with `pip install 'synthatoms[build]'`"
        ) from error
