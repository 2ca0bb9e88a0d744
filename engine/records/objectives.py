"""What a preference loss is: its family, its paper, whether it has a reference, and what `beta` does in it.

`training.loss_type` names one, or a sum of DPO's: `sigmoid`, `0.8*sigmoid + 0.2*bco_pair + sft`. Standard library
only: the rules and the screens ask too.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Family = Literal["dpo", "kto", "orpo", "rrhf"]
"""The trainer that a loss comes with: TRL's for DPO (with everything that it computes), KTO and ORPO; ours for RRHF."""

TEMPERATURE = "the temperature: higher stays closer to the reference"
REGULARISER = "the weight τ of the regulariser: higher stays closer to the reference"
TARGET = "what the log-ratio is drawn to, ±1/(2·beta): higher stays closer to the reference"
ODDS = "the weight λ of the odds ratio beside the likelihood of the chosen: higher pushes harder"
UNUSED = ""


@dataclass(frozen=True, slots=True)
class Objective:
    """One loss. `paper` is its arXiv number, "" for plain likelihood; `beta` says what beta is, "" where it is nothing.

    `smoothing` is its own label smoothing, None where it has none to set.
    """

    name: str
    family: Family
    paper: str
    reference: bool = True
    beta: str = TEMPERATURE
    smoothing: float | None = None


_ALL = (
    Objective("sigmoid", "dpo", "2305.18290"),
    Objective("ipo", "dpo", "2310.12036", beta=REGULARISER),
    Objective("kto", "kto", "2402.01306"),
    Objective("orpo", "orpo", "2403.07691", reference=False, beta=ODDS),
    Objective("rrhf", "rrhf", "2304.05302", reference=False, beta=UNUSED),
    Objective("hinge", "dpo", "2309.06657"),
    Objective("exo_pair", "dpo", "2402.00856", smoothing=1e-3),
    Objective("nca_pair", "dpo", "2402.05369"),
    Objective("robust", "dpo", "2403.00409", smoothing=0.1),
    Objective("bco_pair", "dpo", "2404.04656"),
    Objective("sppo_hard", "dpo", "2405.00675", beta=TARGET),
    Objective("aot", "dpo", "2406.05882", smoothing=0.0),
    Objective("aot_unpaired", "dpo", "2406.05882", smoothing=0.0),
    Objective("discopop", "dpo", "2406.08414"),
    Objective("apo_zero", "dpo", "2408.06266"),
    Objective("apo_down", "dpo", "2408.06266"),
    Objective("sigmoid_norm", "dpo", "2411.15124"),
    Objective("sft", "dpo", "", reference=False, beta=UNUSED),
)
OBJECTIVES: Mapping[str, Objective] = {each.name: each for each in _ALL}
"""The best known first: a form has room for a few names only."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """A weighted sum of losses of one family: nearly always one loss."""

    terms: tuple[tuple[float, Objective], ...]

    @property
    def name(self) -> str:
        """The way that it is written in a config."""
        return " + ".join(one.name if weight == 1 else f"{weight:g}*{one.name}" for weight, one in self.terms)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(one for _, one in self.terms)

    @property
    def family(self) -> Family:
        return self.objectives[0].family

    @property
    def reference(self) -> bool:
        """Whether any part of it is held to a reference."""
        return any(one.reference for one in self.objectives)

    @property
    def beta(self) -> str:
        """What beta is, in words; "" where no part of it has one."""
        return next((one.beta for one in self.objectives if one.beta), UNUSED)

    @property
    def leashed(self) -> bool:
        """Whether a higher beta keeps the policy closer to the reference."""
        return self.reference and bool(self.beta)

    @property
    def smoothing(self) -> float:
        """The label smoothing that its losses take where a config names none."""
        return max((one.smoothing or 0.0 for one in self.objectives), default=0.0)

    @property
    def cited(self) -> str:
        """Its name, with its papers' arXiv numbers behind it."""
        papers = ", ".join(one.paper for one in self.objectives if one.paper)
        return f"{self.name} (arXiv {papers})" if papers else self.name


def mixture(text: str) -> Mixture:
    """`text` as a loss or a sum of DPO's losses. Raises ValueError in words."""
    terms = tuple(_term(part) for part in text.split("+"))
    names = [one.name for _, one in terms]
    apart = next((one.name for _, one in terms if one.family != "dpo"), None)
    if len(terms) > 1 and apart:
        raise ValueError(f"{apart} has a trainer of its own and stands alone; DPO's losses can be added up")
    if len(set(names)) < len(names):
        raise ValueError("names a loss twice")
    if len(terms) == 1 and terms[0][0] != 1:
        raise ValueError("gives one loss a weight; only a sum has weights")
    return Mixture(terms)


def _term(part: str) -> tuple[float, Objective]:
    factor, star, name = part.rpartition("*")
    weight = _weight(factor) if star else 1.0
    if (found := OBJECTIVES.get(name.strip())) is None:
        close = difflib.get_close_matches(name.strip(), OBJECTIVES, 1, 0.5)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ValueError(f"expected a loss; {hint}known: {', '.join(OBJECTIVES)}")
    return weight, found


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise ValueError("expected a positive weight before *, such as 0.8*sigmoid + 0.2*bco_pair")
    return weight
