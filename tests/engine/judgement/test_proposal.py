from __future__ import annotations

from typing import Any

import pytest

from engine.judgement import assess, next_settings
from engine.judgement.adjustments import ADJUSTMENTS
from engine.judgement.proposal import Cause, propose
from engine.records import PAIRS, DataStep, History, Proposal, Weakness
from tests.fixtures.tables import CONFIG, table, with_iteration

START = {"win": 0.5, "kl": 0.0, "gsm8k": 0.4}
FINE = {"win": 0.6, "kl": 0.05, "gsm8k": 0.4}
KL_CAUSE = Cause("kl_violation", "kl_divergence", "kl violation")
LOSS = Cause("capability_regression", "gsm8k", "gsm8k: capability regression")
WEAK = Cause("insufficient_alignment", "win_rate_vs_baseline", "insufficient alignment")
DATA_ONLY = (
    "category_gap",
    "reward_degradation",
    "reward_instability",
    "task_degradation",
    "below_floor",
    "data_quality",
)


def cause(kind: str, metric: str = "gsm8k", **finding: Any) -> Cause:
    frame = {"value": 0.3, "threshold": 0.4, "severity": "high", "evidence": "confirmed", **finding}
    return Cause.of(Weakness(kind, metric, **frame))


def after(proposal: Proposal) -> dict[str, Any]:
    return {change.field: change.after for change in proposal.changes}


@pytest.mark.parametrize(
    ("cause", "changed"),
    [
        (KL_CAUSE, {"beta": 0.15, "learning_rate": 5e-7}),
        (LOSS, {"beta": 0.2, "learning_rate": 5e-7, "max_steps": 70}),
        (cause("creeping_regression"), {"beta": 0.2, "learning_rate": 5e-7, "max_steps": 70}),
        (cause("alternating"), {"learning_rate": 5e-7, "max_steps": 70}),
        (cause("slow_convergence"), {"learning_rate": 1.2e-6}),
        (cause("over_optimisation"), {"beta": 0.15, "learning_rate": 5e-7}),
        (cause("diversity_collapse"), {"beta": 0.15, "learning_rate": 5e-7}),
        *((cause(kind), {}) for kind in DATA_ONLY),
        (Cause("evaluation_failure", "", "evaluation failed"), {"learning_rate": 5e-7}),
        (Cause("something_new", "", ""), {}),
    ],
)
def test_each_cause_multiplies_its_fields(cause: Cause, changed: dict[str, float]) -> None:
    assert after(propose(table(START, FINE), 1, [cause])) == pytest.approx(changed)


def test_the_strongest_multiplier_counts_and_not_the_product() -> None:
    assert after(propose(table(START, FINE), 0, [KL_CAUSE, LOSS]))["beta"] == pytest.approx(0.2)


def test_alignment_loosens_only_from_the_third_iteration_on() -> None:
    assert propose(table(START, FINE, FINE), 2, [WEAK]).changes == ()
    third = propose(table(START, FINE, FINE, FINE), 3, [WEAK])
    assert after(third) == pytest.approx({"beta": 0.08, "learning_rate": 1.5e-6})
    assert [step.text for step in third.data] == [
        "collect harder pairs for win_rate_vs_baseline, from the training prompts"
    ]


def test_nothing_loosens_while_anything_tightens() -> None:
    proposal = propose(table(START, FINE, FINE, FINE), 3, [WEAK, KL_CAUSE])
    assert after(proposal) == pytest.approx({"beta": 0.15, "learning_rate": 5e-7})
    assert any("careful comes first" in note for note in proposal.notes)


def test_nothing_loosens_on_the_way_back() -> None:
    assert propose(table(START, FINE, FINE, FINE), 1, [WEAK]).changes == ()


def test_a_retry_is_derived_from_the_parents_config_and_not_from_the_failed_trys() -> None:
    history = with_iteration(table(START, FINE, FINE), 2, config={**CONFIG, "beta": 0.05, "learning_rate": 1e-5})
    proposal = propose(history, 1, [KL_CAUSE])
    assert after(proposal) == pytest.approx({"beta": 0.15, "learning_rate": 5e-7})
    assert [change.before for change in proposal.changes] == [0.1, 1e-6]


def test_the_baselines_settings_are_the_runs_own() -> None:
    history = with_iteration(table(START, FINE, config={**CONFIG, "beta": 0.4}), 0, config={})
    assert after(propose(history, 0, [KL_CAUSE]))["beta"] == pytest.approx(0.6)


def test_each_retry_from_one_parent_is_more_careful_without_compounding() -> None:
    betas, rates = [], []
    for tries in (1, 2, 3):
        proposal = propose(table(START, *[FINE] * tries, parents=[None, *[0] * tries]), 0, [KL_CAUSE])
        betas.append(after(proposal)["beta"])
        rates.append(after(proposal)["learning_rate"])
    assert betas == pytest.approx([0.15, 0.2, 0.25])
    assert rates == pytest.approx([1e-6 / 2, 1e-6 / 3, 1e-6 / 4], rel=1e-4)


def test_an_edited_try_that_was_more_careful_is_mentioned() -> None:
    history = with_iteration(table(START, FINE), 1, config={**CONFIG, "beta": 0.5})
    assert "beta 0.15 is looser than the 0.5 of iteration 1" in propose(history, 0, [KL_CAUSE]).notes


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ({"beta": 0.9}, "beta", 1.0),
        ({"learning_rate": 1.2e-8}, "learning_rate", 1e-8),
        ({"max_steps": 11}, "max_steps", 10),
    ],
)
def test_a_clamp_is_said(settings: dict[str, float], field: str, value: float) -> None:
    proposal = propose(table(START, FINE, config={**CONFIG, **settings}), 0, [LOSS])
    assert after(proposal)[field] == value
    assert any(note.startswith(f"{field} stops at") for note in proposal.notes)


def test_a_value_at_or_past_its_bound_does_not_turn_back() -> None:
    proposal = propose(table(START, FINE, config={"beta": 1.0, "learning_rate": 1e-9, "max_steps": 4}), 0, [LOSS])
    assert proposal.changes == ()
    assert len(proposal.notes) == 3


def test_an_unknown_setting_is_said_and_not_invented() -> None:
    history = with_iteration(table(START, FINE, config={"beta": 0.1}), 0, config={})
    proposal = propose(history, 0, [LOSS])
    assert after(proposal) == {"beta": 0.2}
    assert sorted(note.split(" ")[0] for note in proposal.notes) == ["learning_rate", "max_steps"]


@pytest.mark.parametrize(
    ("loss_type", "beta", "note"),
    [
        ("sigmoid", 0.15, ""),
        ("ipo", 0.15, ""),
        ("sppo_hard", 0.15, ""),
        ("kto", 0.15, ""),
        ("0.8*sigmoid + sft", 0.15, ""),
        ("orpo", None, "beta stays: orpo's is the weight λ of the odds ratio"),
        ("rrhf", None, "rrhf has no beta"),
        ("sft", None, "sft has no beta"),
    ],
)
def test_beta_changes_only_where_a_higher_one_stays_closer(loss_type: str, beta: float | None, note: str) -> None:
    proposal = propose(table(START, FINE, config={**CONFIG, "loss_type": loss_type}), 0, [KL_CAUSE])
    changed = {"learning_rate": 5e-7} | ({"beta": beta} if beta else {})
    assert after(proposal) == pytest.approx(changed)
    assert (note in proposal.notes[0]) if note else not proposal.notes


def test_every_change_has_its_reason() -> None:
    proposal = assess(table(START, {**FINE, "gsm8k": (0.2, 1319), "kl": 0.3})).proposal
    assert {change.field for change in proposal.changes} == {"beta", "learning_rate", "max_steps"}
    assert all(change.why for change in proposal.changes)
    (step,) = proposal.data
    assert (step.action, step.about, step.count) == ("mix", "gsm8k", None)
    assert step.split == "capability-exercise split, disjoint from what is evaluated"
    assert step.text.startswith("mix in capability-preserving examples for gsm8k, from the capability-exercise split")


def test_next_settings_are_the_parents_with_the_changes() -> None:
    settings = {**CONFIG, "seed": 7}
    proposal = propose(table(START, FINE, config=settings), 0, [LOSS])
    assert next_settings(settings, proposal) == {"beta": 0.2, "learning_rate": 5e-7, "max_steps": 70, "seed": 7}
    assert next_settings(settings, Proposal(0)) == settings


def test_every_type_of_weakness_has_a_row() -> None:
    named = {
        *("capability_regression", "insufficient_alignment", "kl_violation", "category_gap", "alternating"),
        *("slow_convergence", "creeping_regression", "reward_degradation", "task_degradation", "reward_instability"),
        *("over_optimisation", "diversity_collapse", "data_quality", "below_floor"),
    }
    assert named <= set(ADJUSTMENTS)


@pytest.mark.parametrize("kind", ["reward_degradation", "reward_instability", "task_degradation", "alternating"])
def test_nothing_loosens_beside_what_calls_for_care(kind: str) -> None:
    history = table(START, FINE, FINE, FINE)
    proposal = propose(history, 3, [WEAK, cause("slow_convergence"), cause(kind)])
    assert after(proposal).get("beta", 0.1) >= 0.1
    assert after(proposal).get("learning_rate", 1e-6) <= 1e-6
    assert sum("careful comes first" in note for note in proposal.notes) == 2


def test_a_gap_in_a_category_is_a_matter_of_data_and_stops_no_loosening() -> None:
    proposal = propose(table(START, FINE, FINE, FINE), 3, [WEAK, cause("category_gap", category="safety")])
    assert after(proposal) == pytest.approx({"beta": 0.08, "learning_rate": 1.5e-6})


def test_two_rules_that_loosen_give_the_stronger() -> None:
    proposal = propose(table(START, FINE, FINE, FINE), 3, [WEAK, cause("slow_convergence")])
    assert after(proposal)["learning_rate"] == pytest.approx(1.5e-6)


def test_compound_gives_the_product_over_types_and_not_over_metrics() -> None:
    causes = [KL_CAUSE, cause("capability_regression", "gsm8k"), cause("capability_regression", "mmlu")]
    proposal = propose(table(START, FINE, compound=True), 0, causes)
    assert after(proposal) == pytest.approx({"beta": 0.3, "learning_rate": 2.5e-7, "max_steps": 70})
    beta = next(change for change in proposal.changes if change.field == "beta")
    assert "(×2)" in beta.why
    assert "(×1.5)" in beta.why
    assert beta.why.endswith(": ×3")


def test_a_compound_product_is_clamped_and_that_is_said() -> None:
    history = table(START, FINE, compound=True, config={**CONFIG, "beta": 0.5})
    proposal = propose(history, 0, [KL_CAUSE, LOSS])
    assert after(proposal)["beta"] == 1.0
    assert "beta stops at 1, its bound: ×3 would give 1.5" in proposal.notes


def plan(history: History, *causes: Cause) -> tuple[DataStep, ...]:
    return propose(history, 1, causes).data


@pytest.mark.parametrize(("severity", "count"), [("low", 50), ("medium", 100), ("high", 200), ("critical", 300)])
def test_how_much_follows_severity_and_the_number_of_pairs(severity: str, count: int) -> None:
    (step,) = plan(table(START, {**FINE, PAIRS: 1000}), cause("category_gap", category="maths", severity=severity))
    assert (step.action, step.about, step.count, step.split) == ("collect", "maths", count, "training prompts")
    assert step.text == f"collect {count} pairs for maths, from the training prompts"
    (unknown,) = plan(table(START, FINE), cause("category_gap", category="maths", severity=severity))
    assert unknown.count is None
    assert unknown.text == "collect pairs for maths, from the training prompts"


def test_one_category_is_one_step_whichever_metrics_name_it() -> None:
    gaps = [cause("category_gap", metric, category="maths") for metric in ("gsm8k", "win_rate_vs_baseline")]
    steps = plan(table(START, {**FINE, PAIRS: 1000}), *gaps, cause("category_gap", category="law", severity="low"))
    assert sorted((step.about, step.count) for step in steps) == [("law", 50), ("maths", 200)]


def test_too_few_pairs_are_made_up_and_dirty_ones_replaced() -> None:
    history = table(START, {**FINE, PAIRS: 400})
    few = cause("data_quality", PAIRS, value=400, threshold=1000)
    dirty = cause("data_quality", "decontamination", value=0.8, threshold=0.9)
    assert {step.about: step.count for step in plan(history, few, dirty)} == {PAIRS: 600, "decontamination": 80}


def test_an_alternating_run_holds_its_data_and_what_would_change_them_waits() -> None:
    gap, lost = cause("category_gap", category="maths"), cause("capability_regression")
    proposal = propose(
        table(START, {**FINE, PAIRS: 1000}), 1, [cause("alternating", "win_rate_vs_baseline"), gap, lost]
    )
    assert {step.action: step.count for step in proposal.data} == {"hold": None, "mix": 200}
    assert any("not now, while data are held fixed: collect 200 pairs for maths" in note for note in proposal.notes)


@pytest.mark.parametrize("tries", [1, 5, 50])
def test_steps_never_come_to_nothing(tries: int) -> None:
    history = table(START, *[FINE] * tries, parents=[None, *[0] * tries], compound=True)
    proposal = propose(history, 0, [cause("alternating"), LOSS])
    assert after(proposal)["max_steps"] >= 10
