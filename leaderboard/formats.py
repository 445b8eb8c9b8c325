"""How numbers are written for people; the same on the page, in the plot and in the terminal."""

from __future__ import annotations

GAP = "–"  # a number that does not exist is shown as a gap, never filled in


def format_mev(value: float | None) -> str:
    """Return an error [meV] with one decimal, small ones with two significant digits.

    Examples
    --------
    >>> format_mev(24.04), format_mev(0.123), format_mev(None)
    ('24.0', '0.12', '–')
    """
    if value is None:
        return GAP
    return f"{value:,.1f}" if value >= 1 or value == 0 else f"{value:.2g}"


def format_short(value: float | None) -> str:
    """Return a duration or an amount with three significant digits and no exponent.

    Examples
    --------
    >>> format_short(14788.0), format_short(0.01234), format_short(0.0), format_short(3e-5)
    ('14,788', '0.0123', '0', '<0.001')
    """
    if value is None:
        return GAP
    if 0 < value < 1e-3:
        return "<0.001"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def format_size(n: int) -> str:
    """Return a training size in the short way of an axis label.

    Examples
    --------
    >>> [format_size(n) for n in (310, 3100, 1_000_000, 12_345)]
    ['310', '3.1k', '1M', '12,345']
    """
    for unit, suffix in ((1_000_000, "M"), (1_000, "k")):
        if n >= unit and n * 10 % unit == 0:
            return f"{n / unit:g}{suffix}"
    return f"{n:,}"


def shorten(text: str, length: int) -> str:
    """Return the text, cut to `length` characters with an ellipsis if it is longer."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def make_printable(text: str) -> str:
    r"""Return the text with a mark for each character that would steer a terminal instead of showing.

    Examples
    --------
    >>> make_printable("ridge\x1b[31m")
    'ridge�[31m'
    """
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
