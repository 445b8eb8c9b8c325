"""The folder where a build works until its release is whole: claimed by one build at a time, of one recipe and its potentials."""

from __future__ import annotations

import fcntl
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dataset_builder.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORK = ".synthatoms-build"
STAMP, LOCK = "build.sha256", "lock"


@contextmanager
def claim(out: Path, identity: str) -> Iterator[Path]:
    """Yield the folder for work in progress inside `out`; it is kept when the build is interrupted.

    Parameters
    ----------
    identity
        Digest of recipe and potentials: work of another identity is never gone on with.

    Raises
    ------
    ReleaseError
        If `out` holds anything else, or another build is running there.
    """
    work = out / WORK
    _refuse_foreign_files(out, work)
    work.mkdir(parents=True, exist_ok=True)
    with (work / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ReleaseError(
                str(out), expected="one build at a time", got="another that is running", remedy="wait for it or choose another --out"
            ) from error
        _check_stamp(work, identity, out)
        yield work


def remove_workplace(out: Path) -> None:
    """Drop what is left of the work, once the release is whole."""
    shutil.rmtree(out / WORK, ignore_errors=True)


def _refuse_foreign_files(out: Path, work: Path) -> None:
    if out.is_dir() and not work.exists() and any(out.iterdir()):
        name = min(path.name for path in out.iterdir())
        raise ReleaseError(str(out), expected="an empty or new folder", got=f"a folder with {name}", remedy="choose another --out")


def _check_stamp(work: Path, identity: str, out: Path) -> None:
    stamp = work / STAMP
    if not stamp.exists():
        temporary = work / f"{STAMP}.tmp"
        temporary.write_text(identity)
        temporary.replace(stamp)
    elif stamp.read_text() != identity:
        raise ReleaseError(
            str(work),
            expected="unfinished work of this recipe with these potentials and engines",
            got="that of others",
            remedy=f"choose another --out, or delete {out}",
        )
