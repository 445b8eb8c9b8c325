"""Seeds derived from what they are for, so that no order of work can change them."""

from __future__ import annotations

import hashlib

LARGEST_SEED = 900_000_000  # LAMMPS's Marsaglia generator takes no larger one


def derive_seed(*purpose: int | str) -> int:
    """Return a seed in ``1..900,000,000`` from a purpose, such as ``(recipe.seed, "start", trajectory_id)``.

    Examples
    --------
    >>> derive_seed(2022, "start", 0) == derive_seed(2022, "start", 0) != derive_seed(2022, "start", 1)
    True
    """
    text = "/".join(str(part) for part in purpose)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % LARGEST_SEED + 1
