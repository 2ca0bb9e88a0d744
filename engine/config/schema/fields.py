"""The types that keys are made of: strict about what YAML would let pass."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints


def _whole(value: object) -> object:
    """Refuse `5.5` and `true` for a whole number, which pydantic's lax mode would round or count."""
    if isinstance(value, bool | str) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError("expected a whole number")
    return value


def _real(value: object) -> object:
    if isinstance(value, bool | str):
        raise ValueError("expected a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("expected a finite number")
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
Real = Annotated[float, BeforeValidator(_real), Field(allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(strict=True, min_length=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
