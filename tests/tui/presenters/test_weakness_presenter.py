from __future__ import annotations

from dataclasses import replace

from engine.records import KL, WIN_RATE, Answer, Metric, Weakness
from tui.presenters.weakness import Study, against, answer_sides, bars, counts, flips, limit, ordered, part, weighed

FALL = Weakness("capability_regression", "gsm8k", 0.3, 0.95, "high", "confirmed", 0.4, 0.4, 0.004, "exact McNemar")


def metric(*items: float, name: str = "gsm8k", kinds: tuple[str, ...] | None = None) -> Metric:
    return Metric(name, sum(items) / len(items), "capability", len(items), items=items, categories=kinds)


def study(weakness: Weakness, now: Metric, before: Metric | None) -> Study:
    changed, told = flips(weakness, now, before)
    return Study(weakness, 2, 1, 0, (before, before, now), changed, {}, {}, told)


def test_what_got_worse_comes_first() -> None:
    found, _ = flips(FALL, metric(1, 0, 0, 1), metric(0, 1, 0, 1))
    assert [(flip.item, flip.fell) for flip in found] == [(1, True), (0, False)]
    assert counts(study(FALL, metric(1, 0, 0, 1), metric(0, 1, 0, 1))) == "1 right → wrong, 1 wrong → right"


def test_the_largest_change_of_a_score_comes_first_and_lower_may_be_better() -> None:
    worse = replace(FALL, metric="perplexity")
    found, _ = flips(worse, metric(2.0, 5.0, 1.0), metric(1.0, 1.0, 3.0))
    assert [(flip.item, flip.fell) for flip in found] == [(1, True), (0, True), (2, False)]


def test_only_the_items_of_its_category() -> None:
    kinds = ("math", "chat", "math")
    found, _ = flips(replace(FALL, category="math"), metric(0, 0, 1, kinds=kinds), metric(1, 1, 1, kinds=kinds))
    assert [flip.item for flip in found] == [0]
    whole = metric(0, 0, 1, kinds=kinds)
    assert part(whole, "") is whole
    inside = part(whole, "math")
    assert inside is not None
    assert (inside.value, inside.n) == (0.5, 2)
    assert part(whole, "law") is None
    assert part(metric(0, 1), "math") is None


def test_a_win_rate_is_held_against_a_tie_and_the_baselines_answer() -> None:
    low = Weakness("insufficient_alignment", WIN_RATE, 0.5, 0.55, "medium", "suspected")
    known = study(low, metric(0.0, 1.0, 0.5), None)
    assert counts(known) == "1 lost, 1 won"
    answer = Answer(WIN_RATE, 0, "Say hello.", "No.", "Hello!", 0.0)
    _, sides, missing = answer_sides(replace(known, after={0: answer}), known.flips[0])
    assert [side.text for side in sides] == ["Hello!", "No."]
    assert missing == ""


def test_a_win_rate_that_another_iteration_had_is_held_against_that_ones_items() -> None:
    down = Weakness("alternating", WIN_RATE, 0.5, 0.0, "medium", "suspected", against=1)
    found, _ = flips(down, metric(0.0, 1.0), metric(1.0, 1.0))
    assert [(flip.item, flip.before) for flip in found] == [(0, 1.0)]


def test_what_is_not_on_record_is_said() -> None:
    bare = Metric("gsm8k", 0.3, "capability")
    assert "no single items" in flips(FALL, bare, bare)[1]
    assert "has no items" in flips(FALL, metric(1.0), None)[1]
    assert "not the same items: 2 then, 1 now" in flips(FALL, metric(1.0), metric(1.0, 0.0))[1]
    assert flips(FALL, metric(1.0), metric(1.0))[1] == "no item changed"
    assert "none of them flips" in flips(replace(FALL, metric=KL), metric(1.0), metric(0.0))[1]
    known = study(FALL, metric(0.0), metric(1.0))
    assert "were not kept" in answer_sides(known, known.flips[0])[2]


def test_the_limit_stands_on_the_metrics_own_scale() -> None:
    assert limit(FALL) == 0.95 * 0.4
    assert limit(Weakness("kl_violation", KL, 0.2, 0.1, "high", "confirmed")) == 0.1
    wild = Weakness("reward_instability", "reward_variance", 9.0, 2.0, "high", "suspected", baseline=3.0)
    assert limit(wild) == 6.0
    assert limit(Weakness("slow_convergence", WIN_RATE, 0.6, 0.01, "low", "suspected")) is None


def test_bars_are_of_baseline_parent_and_this_with_recorded_values_where_files_have_none() -> None:
    known = replace(study(FALL, metric(0.0), None), metrics=(None, None, None))
    assert [(bar.name, bar.value) for bar in bars(known, lambda _: (0.1, 0.6))] == [
        ("baseline", 0.4),
        ("parent 1", 0.4),
        ("this, 2", 0.3),
    ]
    assert [bar.name for bar in bars(replace(known, parent=0), lambda _: None)] == ["baseline", "this, 2"]


def test_evidence_that_is_off_is_labelled_and_no_test_is_claimed() -> None:
    words = weighed(study(replace(FALL, evidence="off"), metric(0.0), metric(1.0))).plain
    assert "evidence: off" in words
    assert "McNemar" not in words
    assert "exact McNemar, p = 0.004" in weighed(study(FALL, metric(0.0), metric(1.0))).plain


def test_whom_it_is_compared_with() -> None:
    assert against(FALL, 2) == 0
    assert against(replace(FALL, against=1), 2) == 1
    assert against(FALL, 0) is None


def test_the_gravest_and_surest_first() -> None:
    ranks = [("low", "confirmed"), ("critical", "suspected"), ("critical", "confirmed")]
    mixed = [replace(FALL, severity=severity, evidence=sure) for severity, sure in ranks]  # type: ignore[arg-type]
    assert [(one.severity, one.evidence) for one in ordered(mixed)] == ranks[::-1]
