"""The `judges` section."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.schema.fields import Section

JudgeName = Literal["demo", "overlap"]


class JudgesConfig(Section):
    """Who judges completions. What is trained for is worth little until someone else has looked at it too."""

    training: Literal["auto", JudgeName] = Field(
        "auto", description="ranks the pairs that are trained on; auto is demo for the demo, else overlap with chosen"
    )
    held_out: JudgeName | None = Field(
        None, description="a second judge that training never asks; where named, the win rate is by its verdict"
    )
