"""What to do at a gate, why, and what would have made it something else (spec, section 6)."""

from engine.judgement.verdict.case import Case, Ruling, open_case
from engine.judgement.verdict.otherwise import otherwise
from engine.judgement.verdict.rows import ROWS, rule

__all__ = ["ROWS", "Case", "Ruling", "open_case", "otherwise", "rule"]
