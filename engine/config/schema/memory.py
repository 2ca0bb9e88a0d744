"""The `memory` section: which card the run should fit, and whether settings may give way for it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from engine.config.schema.fields import Section, Text


def _off(value: Any) -> Any:
    """YAML reads a bare `off` as false."""
    return "off" if value is False else value


def _card(value: Any) -> Any:
    """`card: 12` and `card: 4070` are numbers to YAML."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class MemoryConfig(Section):
    """What `pilothouse plan` holds the run against, and what `auto: fit` may do about it when the run is made."""

    auto: Annotated[Literal["off", "fit"], BeforeValidator(_off)] = Field(
        "off", description="fit takes the cheapest settings that fit the card and leave what is learned as it is"
    )
    card: Annotated[Text | None, BeforeValidator(_card)] = Field(
        None, description="a size or a card's name (12GiB, RTX 4070); default: the card here"
    )
    longest_first: Literal["auto", "always", "never"] = Field(
        "auto",
        description="the longest examples come first, so that a batch that will not fit says so at once; auto: on CUDA",
    )
    chosen: tuple[Text, ...] = Field((), description="what auto: fit chose, written when the run is made")
