from __future__ import annotations

from typing import Any

import pytest

from engine.judgement import assess, next_settings
from engine.judgement.proposal import Cause, propose
from engine.records import Proposal
from tests.fixtures.tables import CONFIG, table, with_iteration

START = {"win": 0.5, "kl": 0.0, "gsm8k": 0.4}
FINE = {"win": 0.6, "kl": 0.05, "gsm8k": 0.4}
KL_CAUSE = Cause("kl_violation", "kl_divergence", "kl violation")
LOSS = Cause("capability_regression", "gsm8k", "gsm8k: capability regression")
WEAK = Cause("insufficient_alignment", "win_rate_vs_baseline", "insufficient alignment")


def after(proposal: Proposal) -> dict[str, Any]:
    return {change.field: change.after for change in proposal.changes}


@pytest.mark.parametrize(
    ("cause", "changed"),
    [
        (KL_CAUSE, {"beta": 0.15, "learning_rate": 5e-7}),
        (LOSS, {"beta": 0.2, "learning_rate": 5e-7, "max_steps": 70}),
        (Cause("evaluation_failure", "", "evaluation failed"), {"learning_rate": 5e-7}),
        (Cause("something_new", "", ""), {}),
    ],
)
def test_each_cause_multiplies_its_fields(cause: Cause, changed: dict[str, float]) -> None:
    assert after(propose(table(START, FINE), 0, [cause])) == pytest.approx(changed)


def test_the_strongest_multiplier_counts_and_not_the_product() -> None:
    assert after(propose(table(START, FINE), 0, [KL_CAUSE, LOSS]))["beta"] == pytest.approx(0.2)


def test_alignment_loosens_only_from_the_third_iteration_on() -> None:
    assert propose(table(START, FINE, FINE), 2, [WEAK]).changes == ()
    third = propose(table(START, FINE, FINE, FINE), 3, [WEAK])
    assert after(third) == pytest.approx({"beta": 0.08, "learning_rate": 1.5e-6})
    assert [step.text for step in third.data] == ["collect harder pairs for win_rate_vs_baseline"]


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


def test_every_change_has_its_reason() -> None:
    proposal = assess(table(START, {**FINE, "gsm8k": (0.2, 1319), "kl": 0.3})).proposal
    assert {change.field for change in proposal.changes} == {"beta", "learning_rate", "max_steps"}
    assert all(change.why for change in proposal.changes)
    assert [step.text for step in proposal.data] == ["mix in capability-preserving data for gsm8k"]


def test_next_settings_are_the_parents_with_the_changes() -> None:
    settings = {**CONFIG, "seed": 7}
    proposal = propose(table(START, FINE, config=settings), 0, [LOSS])
    assert next_settings(settings, proposal) == {"beta": 0.2, "learning_rate": 5e-7, "max_steps": 70, "seed": 7}
    assert next_settings(settings, Proposal(0)) == settings
