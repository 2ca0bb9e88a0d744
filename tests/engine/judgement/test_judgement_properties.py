"""What must hold of every history whatsoever."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.judgement import assess, next_settings, settings_of
from engine.judgement.gates import quality_gates
from engine.judgement.proposal import ADJUSTMENTS, BOUNDS, Cause, propose
from engine.records import Assessment, Budget, History, as_json
from tests.fixtures.tables import Cell, table

# Going on, asking, going back. A KL violation is retried before it is asked whether the win rate fell as well, so of
# the two ways back neither is the harsher.
HARSHNESS = {"finish": 0, "accept": 0, "ask": 1, "retry": 2, "rollback": 2}
rates = st.floats(0, 1, allow_nan=False)
odd = st.sampled_from([None, float("nan"), float("inf"), -float("inf")])
cells = st.one_of(rates, st.tuples(rates, st.integers(1, 20_000)), odd)
rows = st.fixed_dictionaries({}, optional=dict.fromkeys(("win", "kl", "gsm8k", "mmlu", "vibes"), cells))
configs = st.fixed_dictionaries(
    {"beta": st.floats(0.01, 1), "learning_rate": st.floats(1e-8, 1e-3), "max_steps": st.integers(10, 10_000)}
)
frames = st.fixed_dictionaries(
    {"config": configs, "evidence": st.booleans(), "budget": st.builds(Budget, st.none() | st.integers(0, 8))}
)


@st.composite
def histories(draw: Any) -> History:
    made = draw(st.lists(rows, min_size=1, max_size=7))
    parents = [None, *(draw(st.integers(0, index - 1)) for index in range(1, len(made)))]
    frame = draw(frames)
    history = table(*made, parents=parents, **frame)
    return replace(history, iterations=tuple(replace(each, config=frame["config"]) for each in history.iterations))


@settings(max_examples=150, deadline=None)
@given(histories())
def test_the_verdict_is_total_deterministic_and_points_at_what_exists(history: History) -> None:
    assessment = assess(history)
    assert assessment == assess(history)
    indices = {iteration.index for iteration in history.iterations}
    assert assessment.verdict.reasons
    assert all(reason and "\n" not in reason for reason in assessment.verdict.reasons)
    assert assessment.best in indices
    assert assessment.proposal.parent in indices
    if assessment.verdict.action in {"retry", "rollback", "finish"}:
        assert assessment.verdict.to in indices
        assert assessment.proposal.parent == assessment.verdict.to
    assert Assessment.parse(as_json(assessment)).verdict == assessment.verdict


@settings(max_examples=150, deadline=None)
@given(histories())
def test_proposals_stay_in_bounds(history: History) -> None:
    proposal = assess(history).proposal
    settings_now = next_settings(settings_of(history, proposal.parent), proposal)
    for name, (low, high) in BOUNDS.items():
        assert low <= settings_now[name] <= high
    assert isinstance(settings_now["max_steps"], int)
    assert all(change.before != change.after and change.why for change in proposal.changes)


@settings(max_examples=150, deadline=None)
@given(histories())
def test_nothing_missing_or_not_finite_passes(history: History) -> None:
    last = history.iterations[-1]
    needed = ["win_rate_vs_baseline", "kl_divergence"]
    needed += [name for name, metric in history.iterations[0].metrics.items() if metric.group == "capability"]
    broken = [name for name in needed if name not in last.metrics or not last.metrics[name].measured]
    if last.index == 0 or not broken:
        return
    assessment = assess(history)
    assert assessment.best != last.index or "kl_divergence" in broken
    assert not all(gate.passed for gate in quality_gates(history))
    assert assessment.verdict.action != "accept"
    if assessment.verdict.action == "finish":
        assert "budget" in assessment.verdict.reasons[0]


@settings(max_examples=100, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_metrics_does_not_matter(history: History, random: Any) -> None:
    shuffled = []
    for iteration in history.iterations:
        items = list(iteration.metrics.items())
        random.shuffle(items)
        shuffled.append(replace(iteration, metrics=dict(items)))
    assert assess(replace(history, iterations=tuple(shuffled))) == assess(history)


@settings(max_examples=100, deadline=None)
@given(histories(), st.permutations([Cause(kind, metric, kind) for kind in ADJUSTMENTS for metric in ("a", "b")]))
def test_the_order_of_weaknesses_does_not_matter(history: History, causes: list[Cause]) -> None:
    assert propose(history, 0, causes) == propose(history, 0, causes[::-1])


@settings(max_examples=150, deadline=None)
@given(
    before=st.lists(st.floats(0.5, 0.9), max_size=3),
    win=st.floats(0, 1),
    kl=st.floats(0, 0.5),
    gsm8k=st.floats(0, 1),
    gains=st.tuples(st.floats(0, 0.5), st.floats(0, 1), st.floats(0, 0.5)),
    n=st.sampled_from([None, 50, 1319]),
)
def test_a_better_iteration_never_gets_a_harsher_verdict(
    before: list[float], win: float, kl: float, gsm8k: float, gains: tuple[float, float, float], n: int | None
) -> None:
    def row(win: float, kl: float, gsm8k: float) -> dict[str, Cell]:
        counted = {"win": (win, n), "gsm8k": (gsm8k, n)} if n else {"win": win, "gsm8k": gsm8k}
        return {**counted, "kl": kl}

    past = [row(0.5, 0.0, 0.4), *(row(rate, 0.05, 0.4) for rate in before)]
    worse = row(win, kl, gsm8k)
    better = row(min(1, win + gains[0]), kl * gains[1], min(1, gsm8k + gains[2]))
    harsh = [HARSHNESS[assess(table(*past, last)).verdict.action] for last in (better, worse)]
    assert harsh[0] <= harsh[1]
