"""Published tables through the rules: SPPO (arXiv 2405.00675) and RLHFlow v2's README, with the benchmarks' sizes."""

from __future__ import annotations

from collections.abc import Mapping

from engine.history import parse_history
from engine.judgement import judge
from engine.records import Assessment

SIZES = {"gsm8k": 1319, "mmlu": 14042, "humaneval_plus": 164}


def replay(rows: list[Mapping[str, float]], *, chain: bool = False, **frame: object) -> list[Assessment]:
    """A table of percentages; `chain` makes each row the child of the one above, as it was published."""
    lines = ["scale: percent", "config: {beta: 0.1, learning_rate: 5e-7, max_steps: 1000}"]
    lines += [f"{key}: {value}" for key, value in frame.items()]
    lines += ["iterations:"]
    for index, row in enumerate(rows):
        cells = [
            f"{name}: {{value: {value}, n: {SIZES[name]}}}" if name in SIZES else f"{name}: {value}"
            for name, value in row.items()
        ]
        parent = f"parent: {index - 1}, " if chain and index else ""
        lines.append(f"- {{index: {index}, {parent}metrics: {{{', '.join(cells)}}}}}")
    return judge(parse_history("\n".join(lines)))


def actions(assessments: list[Assessment]) -> list[tuple[str, int | None]]:
    return [(assessment.verdict.action, assessment.verdict.to) for assessment in assessments]


def sppo(wins: tuple[float, ...], gsm8k: tuple[float, ...], mmlu: tuple[float, ...]) -> list[Mapping[str, float]]:
    base = {"gsm8k": 41.93, "mmlu": 59.15}
    later = zip(wins, gsm8k, mmlu, strict=True)
    return [base, *({"win_rate_vs_baseline": win, "gsm8k": math, "mmlu": facts} for win, math, facts in later)]


def test_an_iteration_log_converges_at_its_fourth_which_is_selected() -> None:
    columns = zip((58, 62, 62.5, 63), (0.08, 0.09, 0.09, 0.08), (45.2, 45.8, 45.7, 45.9), strict=True)
    rows = [{"win_rate_vs_baseline": win, "kl_divergence": kl, "mmlu": mmlu} for win, kl, mmlu in columns]
    assessments = replay([{"mmlu": 45.0}, *rows])
    assert actions(assessments)[1:3] == [("accept", None), ("accept", None)]
    assert actions(assessments)[3][0] in {"accept", "ask"}
    assert actions(assessments)[4] == ("finish", 4)
    assert [assessment.converged for assessment in assessments] == [False, False, False, False, True]
    assert assessments[4].best == 4


def test_sppos_dpo_rolls_back_to_its_second_at_its_third() -> None:
    table = sppo((63.3, 67.0, 75.0), (40.33, 39.95, 32.30), (59.41, 59.03, 59.00))
    assessments = replay(table)
    assert all(action != "rollback" for action, _ in actions(assessments)[:3])
    assert actions(assessments)[3] == ("rollback", 2)
    (weakness,) = assessments[3].weaknesses
    assert (weakness.metric, weakness.severity, weakness.evidence) == ("gsm8k", "critical", "confirmed")
    assert "unpaired" in weakness.test
    assert {change.field: change.after for change in assessments[3].proposal.changes} == {
        "beta": 0.2,
        "learning_rate": 2.5e-7,
        "max_steps": 700,
    }


def test_sppos_ipo_is_suspect_at_its_second() -> None:
    assessments = replay(sppo((61.3, 70.7, 80.9), (43.75, 39.20, 37.45), (59.04, 59.70, 59.57)), chain=True)
    assert [(w.metric, w.evidence) for w in assessments[2].weaknesses] == [("gsm8k", "suspected")]
    assert actions(assessments)[2][0] != "rollback"


def test_rlhflows_humaneval_is_a_false_alarm_and_stays_suspected() -> None:
    columns = zip((83.4, 85.3, 84.8, 85.3), (61.6, 58.5, 59.1, 62.2), (64.8, 64.94, 64.77, 64.66), strict=True)
    rows = [{"gsm8k": gsm8k, "humaneval_plus": code, "mmlu": mmlu} for gsm8k, code, mmlu in columns]
    assessments = replay(rows)
    (weakness,) = assessments[1].weaknesses
    assert (weakness.metric, weakness.evidence) == ("humaneval_plus", "suspected")
    assert all(action not in {"rollback", "retry"} for action, _ in actions(assessments))
    bare = replay(rows, evidence="off")
    assert actions(bare)[1] == ("rollback", 0)
