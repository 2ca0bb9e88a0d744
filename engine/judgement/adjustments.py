"""What each weakness asks of the next iteration: the table of spec section 5, a row a cause.

For the `rlhf` recipe `beta` is the KL coefficient. The spec gives no numbers for a reward model that goes wrong
(`reward_degradation`, `reward_instability`), a lost task (`task_degradation`), a floor or the data's own quality: these
ask for data, or for nothing. All but the last are cautious all the same, so that nothing loosens beside them, and
the first three, once sure, roll the run back, which halves the learning rate (`degradation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.records import DECONTAMINATION, PAIRS, PREFERENCE_GAP, DataAction, Weakness

EXERCISES = "capability-exercise split, disjoint from what is evaluated"
PROMPTS = "training prompts"


@dataclass(frozen=True, slots=True)
class DataRule:
    """What to do about data: `what` completes the action ("collect … for gsm8k"), drawn from `split`."""

    action: DataAction
    what: str
    split: str = ""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What one cause does to the next iteration: multipliers by field, a rule on data, and which way it leans.

    `cautious` is a cause that allows no loosening beside it, with numbers of its own or without.
    """

    multipliers: Mapping[str, float] = field(default_factory=dict)
    data: DataRule | None = None
    loosens: bool = False
    cautious: bool = True
    first_iteration: int = 1


_PRESERVE = DataRule("mix", "capability-preserving examples", EXERCISES)
_LOST = Adjustment({"beta": 2.0, "learning_rate": 0.5, "max_steps": 0.7}, _PRESERVE)
_NARROW = Adjustment({"beta": 1.5, "learning_rate": 0.5})

ADJUSTMENTS: Mapping[str, Adjustment] = {
    "evaluation_failure": Adjustment({"learning_rate": 0.5}),
    "degradation": Adjustment({"learning_rate": 0.5}),
    "kl_violation": Adjustment({"beta": 1.5, "learning_rate": 0.5}),
    "capability_regression": _LOST,
    "creeping_regression": _LOST,
    "insufficient_alignment": Adjustment(  # early on, little alignment is to be expected
        {"beta": 0.8, "learning_rate": 1.5},
        DataRule("collect", "harder pairs", PROMPTS),
        loosens=True,
        cautious=False,
        first_iteration=3,
    ),
    "alternating": Adjustment(
        {"learning_rate": 0.5, "max_steps": 0.7}, DataRule("hold", "the data distribution", PROMPTS)
    ),
    "slow_convergence": Adjustment(
        {"learning_rate": 1.2}, DataRule("diversify", "the pairs", PROMPTS), loosens=True, cautious=False
    ),
    "category_gap": Adjustment(data=DataRule("collect", "pairs", PROMPTS), cautious=False),
    "over_optimisation": _NARROW,
    "diversity_collapse": _NARROW,
    "reward_degradation": Adjustment(data=DataRule("collect", "fresh pairs for the reward model", PROMPTS)),
    "reward_instability": Adjustment(data=DataRule("hold", "the reward model's data", PROMPTS)),
    "task_degradation": Adjustment(data=DataRule("mix", "examples of the task", EXERCISES)),
    "below_floor": Adjustment(),
    "data_quality": Adjustment(cautious=False),
}

QUALITY: Mapping[str, DataRule] = {
    PREFERENCE_GAP: DataRule("collect", "pairs with a clearer winner", PROMPTS),
    PAIRS: DataRule("collect", "more pairs", PROMPTS),
    DECONTAMINATION: DataRule("collect", "pairs clear of evaluation prompts, in place of those that are not", PROMPTS),
}
"""`data_quality` by its metric."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why settings change: a key of `ADJUSTMENTS`, the metric behind it, the words for a person, and the finding."""

    type: str
    metric: str
    words: str
    weakness: Weakness | None = None

    @classmethod
    def of(cls, weakness: Weakness) -> Cause:
        kind = weakness.type.replace("_", " ")
        of_metric = weakness.type in {"capability_regression", "creeping_regression", "diversity_collapse"}
        about = f"{weakness.metric}: {kind}" if of_metric else kind
        where = f" in {weakness.category}" if weakness.category else ""
        return cls(weakness.type, weakness.metric, f"{about}{where}, {weakness.evidence.replace('_', ' ')}", weakness)

    @property
    def category(self) -> str:
        return self.weakness.category if self.weakness else ""

    @property
    def rule(self) -> Adjustment:
        return ADJUSTMENTS[self.type]

    @property
    def data(self) -> DataRule | None:
        return QUALITY.get(self.metric) if self.type == "data_quality" else self.rule.data
