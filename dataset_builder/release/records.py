"""Typed records at the boundaries: TOML and JSON in, one clear line out when they are wrong."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from pathlib import Path

    from dataset_builder.errors import InputError


class Record(BaseModel):
    """Base of every record on disk: immutable, strict about types, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


R = TypeVar("R", bound=BaseModel)


def read_toml(path: Path, record: type[R], error: type[InputError]) -> R:
    """Return the TOML file at `path` as a `record`.

    Raises
    ------
    error
        If the file is missing, not TOML, has an unknown or missing key, or a value of the wrong kind.
    """
    try:
        return record.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as problem:
        raise error(str(path), expected="a readable TOML file", got=problem.strerror, remedy="check the path") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise error(str(path), expected="valid TOML", got=problem, remedy="mend the syntax there") from problem
    except ValidationError as problem:
        raise invalid(str(path), problem, record, error) from problem


def read_json(path: Path, record: type[R], error: type[InputError], *, remedy: str) -> R:
    """Return the JSON file at `path` as a `record`; raises `error` as `read_toml` does."""
    try:
        return record.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise error(str(path), expected="a readable JSON file", got=problem.strerror, remedy=remedy) from problem
    except ValidationError as problem:
        raise invalid(str(path), problem, record, error, remedy=remedy) from problem


def invalid(where: str, problem: ValidationError, record: type[BaseModel], error: type[InputError], *, remedy: str = "") -> InputError:
    """Return `error` for the first thing that pydantic found wrong, in one line."""
    found = problem.errors(include_url=False)
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    key = ".".join(str(part) for part in first["loc"] if not str(part).startswith(("constrained-", "literal["))) or "the whole file"
    if first["type"] == "extra_forbidden":
        expected, got = f"one of the keys {', '.join(_sibling_keys(record, first['loc']))}", f"the unknown key {first['loc'][-1]!r}"
        return error(f"{where}, {key}", expected=expected, got=got, remedy=remedy or "rename or remove it")
    if first["type"] == "missing":
        return error(f"{where}, {key}", expected="this key", got="none", remedy=remedy or "add it")
    expected = " or ".join(
        dict.fromkeys(
            _expectation(one["msg"]) for one in found if one["loc"][: len(first["loc"])] == first["loc"] or one["input"] is first["input"]
        )
    )
    return error(f"{where}, {key}", expected=expected, got=_short(first["input"]), remedy=remedy or "correct the value")


def _expectation(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input should be ").split(", unable to parse")[0]


def _short(value: object) -> str:
    if isinstance(value, dict):
        return "the values given"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _sibling_keys(record: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location[:-1]:
        field = record.model_fields.get(str(part))
        if field is None:
            continue
        nested = [
            kind
            for kind in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        record = nested[0] if nested else record
    return list(record.model_fields)
