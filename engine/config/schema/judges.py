"""The `judges` section."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from engine.config.schema.fields import Real, Section, Text, Whole

JudgeName = Literal["demo", "overlap", "endpoint", "reward_model", "sentiment", "implicit", "operator"]


class EndpointConfig(Section):
    """An OpenAI-compatible server. Its key is read from the environment when it is needed, and kept nowhere."""

    url: Annotated[Text, StringConstraints(pattern=r"^https?://[^\s@?#]+$")] | None = Field(
        None, description="up to and without /chat/completions, such as http://127.0.0.1:8080/v1"
    )
    model: Text | None = Field(None, description="the model's name as that server knows it")
    key_env: Annotated[Text, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = Field(
        None, description="the NAME of the environment variable that holds the key, never the key"
    )
    timeout: Real = Field(60, gt=0, le=3600, description="seconds without a word until a call is tried again")
    attempts: Whole = Field(4, ge=1, le=20, description="tries of one call, waiting twice as long after each")
    concurrency: Whole = Field(4, ge=1, le=64, description="calls at once")
    max_tokens: Whole = Field(512, ge=1, description="length limit of an answer; a model that thinks needs more")
    price_in: Real = Field(0, ge=0, description="price of a million tokens read, for the cost of an iteration")
    price_out: Real = Field(0, ge=0, description="price of a million tokens written")


class RewardModelConfig(Section):
    """A sequence classifier with one output, which takes memory beside the policy; or the `reward` folder of a finished
    iteration on the same base, which takes an adapter's.
    """

    path: Text | None = Field(None, description="its folder, or a hub name; or an iteration's reward folder")
    batch_size: Whole = Field(32, ge=1, description="texts scored at once")


class JudgesConfig(Section):
    """Who judges completions. What is trained for is worth little until someone else has looked at it too."""

    training: Literal["auto", JudgeName] = Field(
        "auto", description="ranks the pairs that are trained on; auto is demo for the demo, else overlap with chosen"
    )
    held_out: JudgeName | None = Field(
        None, description="a second judge that training never asks; where named, the win rate is by its verdict"
    )
    endpoint: EndpointConfig = EndpointConfig()
    reward_model: RewardModelConfig = RewardModelConfig()
