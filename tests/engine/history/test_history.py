from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import ConfigError, UsageError
from engine.history import load_history, parse_history
from engine.judgement import judge
from engine.records import Budget, Thresholds

BASE = "- {index: 0, metrics: {mmlu: 0.45}}"
FIRST = "- {index: 1, metrics: {win_rate_vs_baseline: 0.6, kl_divergence: 0.05, mmlu: 0.46}}"
CONFIG = "config: {beta: 0.1, learning_rate: 5e-7, max_steps: 1000}"


def text(*rows: str, head: str = CONFIG) -> str:
    return "\n".join([head, "iterations:", *rows])


def faults(written: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        parse_history(written, "table.yaml")
    assert isinstance(caught.value, ConfigError)
    return [str(fault) for fault in caught.value.faults]


def test_a_table_is_read_with_its_frame() -> None:
    head = f"name: helpful\nthresholds: {{kl: 0.2}}\nbudget: {{iterations: 3, wall_hours: 2}}\nevidence: off\n{CONFIG}"
    history = parse_history(text(BASE, FIRST, head=head))
    assert (history.name, history.evidence) == ("helpful", False)
    assert history.thresholds == Thresholds(kl=0.2)
    assert history.budget == Budget(iterations=3, wall_hours=2)
    assert history.config == {"beta": 0.1, "learning_rate": 5e-7, "max_steps": 1000}
    assert [(each.index, each.parent) for each in history.iterations] == [(0, None), (1, 0)]


def test_floors_and_products_are_a_tables_to_choose() -> None:
    history = parse_history(
        text(BASE, head=f"thresholds: {{floors: {{task_accuracy: 0.7}}}}\ncompound: true\n{CONFIG}")
    )
    assert history.thresholds.floors == {"task_accuracy": 0.7}
    assert history.compound
    assert not parse_history(text(BASE)).compound


def test_compound_reaches_the_proposal() -> None:
    broken = "- {index: 1, metrics: {win_rate_vs_baseline: 0.6, kl_divergence: 0.15, mmlu: {value: 0.2, n: 14042}}}"
    rows = ("- {index: 0, metrics: {mmlu: {value: 0.45, n: 14042}}}", broken)
    betas = {
        compound: judge(parse_history(text(*rows, head=f"{CONFIG}\n{compound}")))[1].proposal.changes[0].after
        for compound in ("compound: false", "compound: true")
    }
    assert betas == pytest.approx({"compound: false": 0.2, "compound: true": 0.3})


def test_a_floored_metric_that_is_missing_is_a_failed_evaluation() -> None:
    head = f"thresholds: {{floors: {{task_accuracy: 0.7}}}}\n{CONFIG}"
    assessment = judge(parse_history(text(BASE, FIRST, head=head)))[1]
    assert assessment.verdict.action == "retry"
    assert "task_accuracy could not be measured" in assessment.verdict.reasons[0]


def test_a_table_of_the_rlhf_recipe_is_judged_without_a_win_rate() -> None:
    rows = (
        "- {index: 0, metrics: {alignment_score: 0.5, task_accuracy: 0.8}}",
        "- {index: 1, metrics: {alignment_score: 0.7, task_accuracy: 0.8, kl_divergence: 0.05}}",
        "- {index: 2, metrics: {alignment_score: 0.96, task_accuracy: 0.81, kl_divergence: 0.06}}",
    )
    assessments = judge(parse_history(text(*rows)))
    assert [each.verdict.action for each in assessments] == ["accept", "accept", "finish"]
    assert assessments[2].best == 2
    assert "improving: alignment score 0.5 → 0.7" in assessments[1].verdict.reasons


def test_a_table_without_a_budget_has_none() -> None:
    assert parse_history(text(BASE)).budget == Budget()


def test_json_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    rows = [{"index": 0, "metrics": {"mmlu": 0.45}}, {"index": 1, "metrics": {"win_rate_vs_baseline": 0.6}}]
    path.write_text(json.dumps({"name": "json", "config": {"learning_rate": 5e-7}, "iterations": rows}, indent="\t"))
    history = load_history(path)
    assert history.config == {"learning_rate": 5e-7}
    assert history.iterations[1].metrics["win_rate_vs_baseline"].value == 0.6


def test_order_in_the_file_does_not_matter() -> None:
    assert parse_history(text(FIRST, BASE)) == parse_history(text(BASE, FIRST))


def test_groups_follow_names_and_unknown_metrics_are_kept_and_not_judged() -> None:
    row = FIRST.replace("mmlu: 0.46", "mmlu: 0.46, vibes: -7, HumanEval+: 0.5")
    history = parse_history(text("- {index: 0, metrics: {mmlu: 0.45, vibes: 9}}", row))
    metrics = history.iterations[1].metrics
    assert {name: metric.group for name, metric in metrics.items()} == {
        "win_rate_vs_baseline": "alignment",
        "kl_divergence": "quality",
        "mmlu": "capability",
        "vibes": "quality",
        "HumanEval+": "capability",
    }
    assert metrics["vibes"].value == -7
    assert judge(history)[1].weaknesses == ()


def test_a_metric_in_full() -> None:
    poems = "{value: 0.5, n: 4, group: capability, items: [1, 0, true, 0], low: 0.1, high: 0.9}"
    metric = parse_history(text(f"- {{index: 0, metrics: {{poems: {poems}}}}}")).iterations[0].metrics["poems"]
    assert (metric.group, metric.n, metric.items, metric.low, metric.high) == ("capability", 4, (1, 0, 1, 0), 0.1, 0.9)


def test_items_alone_give_the_value_and_n() -> None:
    metric = parse_history(text("- {index: 0, metrics: {mmlu: {items: [1, 0, 0, 0]}}}")).iterations[0].metrics["mmlu"]
    assert (metric.value, metric.n) == (0.25, 4)


def test_null_is_a_metric_that_could_not_be_measured() -> None:
    history = parse_history(
        text(BASE, "- {index: 1, metrics: {win_rate_vs_baseline: 0.6, kl_divergence: null, mmlu: 0.4}}")
    )
    assert judge(history)[1].verdict.action == "retry"


def test_a_fault_marks_a_failed_iteration() -> None:
    history = parse_history(text(BASE, "- {index: 1, fault: the loss is not finite, metrics: {}}"))
    assert history.iterations[1].status == "failed"
    assert "the loss is not finite" in judge(history)[1].verdict.reasons[0]


def test_parents_and_configs_left_out_are_what_the_rules_chose() -> None:
    over = "{win_rate_vs_baseline: 0.6, kl_divergence: 0.15, mmlu: 0.46}"
    history = parse_history(
        text(BASE, FIRST, f"- {{index: 2, metrics: {over}}}", "- {index: 3, metrics: {mmlu: 0.46}, config: {seed: 3}}")
    )
    assert [each.parent for each in history.iterations] == [None, 0, 1, 1]
    assert history.iterations[2].config == history.config
    assert history.iterations[3].config == pytest.approx(
        {"beta": 0.15, "learning_rate": 2.5e-7, "max_steps": 1000, "seed": 3}
    )


def test_a_written_parent_is_kept_with_that_parents_config() -> None:
    second = FIRST.replace("index: 1", "index: 2, parent: 0")
    history = parse_history(text(BASE, FIRST.replace("index: 1", "index: 1, config: {beta: 0.3}"), second))
    assert history.iterations[2].parent == 0
    assert history.iterations[2].config["beta"] == 0.1


def test_a_percentage_against_fractions_is_refused_with_both_readings() -> None:
    (fault,) = faults(text(BASE, FIRST.replace("mmlu: 0.46", "mmlu: 45.2")))
    assert fault.startswith("iterations[1].metrics.mmlu = 45.2: ")
    assert "45.2 %, that is 0.452" in fault
    assert "a score of 45.2" in fault
    assert "`scale: percent`" in fault


def test_scale_percent_reads_rates_above_one_and_leaves_the_rest() -> None:
    rows = (
        "- {index: 0, metrics: {mmlu: {value: 45.2, n: 100, low: 40, high: 50}, perplexity: 12}}",
        "- {index: 1, metrics: {win_rate_vs_baseline: 0.58, kl_divergence: 0.08, mmlu: 45.8, perplexity: 13}}",
    )
    history = parse_history(text(*rows, head=f"scale: percent\n{CONFIG}"))
    start, first = (each.metrics for each in history.iterations)
    assert (start["mmlu"].value, start["mmlu"].low, start["mmlu"].high) == (0.452, 0.4, 0.5)
    assert (first["mmlu"].value, first["win_rate_vs_baseline"].value) == (0.458, 0.58)
    assert (first["perplexity"].value, first["kl_divergence"].value) == (13, 0.08)


def test_one_metric_may_have_a_scale_of_its_own() -> None:
    scored = "{value: 7.8, group: capability, scale: score}"
    row = f"- {{index: 0, metrics: {{mmlu: {{value: 0.9, scale: percent}}, mt_bench: {scored}}}}}"
    metrics = parse_history(text(row)).iterations[0].metrics
    assert (metrics["mmlu"].value, metrics["mt_bench"].value) == (0.009, 7.8)


@pytest.mark.parametrize(
    ("rows", "place", "remedy"),
    [
        ([FIRST], "iterations[0]: the baseline is missing", "add the start model's own evaluation as index 0"),
        ([BASE, FIRST, FIRST], "iterations[1]: this index appears twice", "each iteration has its own"),
        ([BASE, FIRST.replace("1,", "3,", 1)], "iterations[1]: missing: after 0 comes 3", "without a gap"),
        ([BASE, FIRST.replace("1,", "1, parent: 4,", 1)], "iterations[1].parent = 4: no such iteration", "there are 0"),
        ([BASE, FIRST.replace("1,", "1, parent: 1,", 1)], "iterations[1].parent = 1: no such iteration", "there are 0"),
        (
            [BASE.replace("0,", "0, parent: 0,", 1)],
            "iterations[0].parent = 0: the baseline has no parent",
            "leave it out",
        ),
        ([BASE.replace("0.45", ".nan")], "iterations[0].metrics.mmlu = nan: not a finite number", "write null"),
        ([BASE.replace("0.45", "NaN")], "iterations[0].metrics.mmlu = 'NaN': expected a number", "write null"),
        ([BASE.replace("0.45", "-.inf")], "iterations[0].metrics.mmlu = -inf: not a finite number", "write null"),
        (
            [BASE.replace("0.45", "{value: 0.4, n: 0}")],
            "iterations[0].metrics.mmlu.n = 0: expected at least 1",
            "leave n out",
        ),
        ([BASE.replace("0.45", "{value: 0.4, n: 2.5}")], "iterations[0].metrics.mmlu.n = 2.5", "leave n out"),
        (
            [BASE.replace("0.45", "{value: 1, n: 3, items: [1]}")],
            "iterations[0].metrics.mmlu.n = 3: there are 1",
            "leave n out",
        ),
        (
            [BASE.replace("0.45", "{value: 0.9, items: [1, 0]}")],
            "iterations[0].metrics.mmlu = 0.9: its items average 0.5",
            "one result",
        ),
        (
            [BASE.replace("0.45", "{value: 0.4, itmes: [1]}")],
            "iterations[0].metrics.mmlu.itmes: unknown key",
            "did you mean items?",
        ),
        (
            [BASE.replace("0.45", "{value: 0.4, group: skill}")],
            "iterations[0].metrics.mmlu.group = 'skill'",
            "expected capability",
        ),
        ([BASE.replace("0.45", "yes")], "iterations[0].metrics.mmlu = True: expected a number", ""),
        ([BASE.replace("0.45", "-0.1")], "iterations[0].metrics.mmlu = -0.1: not a rate from 0 to 1", "`scale: score`"),
        ([BASE.replace("0.45", "1" + "0" * 400)], "iterations[0].metrics.mmlu = 1", "write null"),
        (
            [BASE.replace("0.45", "{value: 0.4, low: 0.5, high: 0.6}")],
            "iterations[0].metrics.mmlu = 0.4: outside its own",
            "",
        ),
        ([BASE, "- {index: 1}"], "iterations[1].metrics = None: expected metrics", ""),
        ([BASE, "- 7"], "iterations, entry 2 = 7: expected an iteration", ""),
        ([BASE, "- {index: one, metrics: {}}"], "iterations, entry 2", "a whole number from 0"),
        (
            [BASE, "- {index: 1, metircs: {}, metrics: {}}"],
            "iterations[1].metircs: unknown key",
            "did you mean metrics?",
        ),
        ([BASE, "- {index: 1, config: {beta: -1}, metrics: {}}"], "iterations[1].config.beta = -1", "above 0"),
    ],
)
def test_a_bad_table_is_named_with_its_place_and_what_would_do(rows: list[str], place: str, remedy: str) -> None:
    (fault,) = faults(text(*rows))
    assert fault.startswith(place)
    assert remedy in fault


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ("nmae: x", "nmae: unknown key (did you mean name?)"),
        ("thresholds: {kll: 1}", "thresholds.kll: unknown key (did you mean thresholds.kl?)"),
        ("thresholds: {kl: no}", "thresholds.kl = False: expected a number"),
        ("budget: {iterations: 2.5}", "budget.iterations = 2.5: expected a whole number"),
        ("evidence: maybe", "evidence = 'maybe': expected true or false"),
        ("compound: maybe", "compound = 'maybe': expected true or false"),
        ("thresholds: {floors: {task_accuracy: .nan}}", "thresholds.floors.task_accuracy = nan: expected a number"),
        ("thresholds: {floors: 3}", "thresholds.floors = 3: expected metrics and numbers"),
        ("scale: thousands", "scale = 'thousands': expected fraction, percent, score"),
        ("config: 3", "config = 3: expected settings"),
        ("config: {beta: [1]}", "config.beta = [1]: expected one value"),
    ],
)
def test_a_bad_frame_is_named(head: str, fault: str) -> None:
    (found,) = faults(text(BASE, head=head))
    assert found.startswith(fault)


@pytest.mark.parametrize(
    "written", ["", "7", "[1, 2]", "name: x", "iterations: []", "iterations: {a: 1}", '{"a": 1, "a": 2}']
)
def test_what_is_no_table_is_said(written: str) -> None:
    assert faults(written)


def test_every_fault_is_found_at_once() -> None:
    found = faults(text(FIRST.replace("0.46", "46"), FIRST, "- 7", head="nmae: x\nevidence: maybe"))
    assert len(found) == 6


def test_a_far_index_takes_no_time() -> None:
    (fault,) = faults(text(BASE, FIRST.replace("1,", "4000000000,", 1)))
    assert "after 0 comes 4000000000" in fault


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for path, problem in (
        (tmp_path / "none", "no such file"),
        (tmp_path, "cannot be read"),
        (binary, "cannot be read"),
    ):
        with pytest.raises(UsageError, match=problem):
            load_history(path)


def test_control_characters_do_not_get_through() -> None:
    written = '{"name": "a\\u001b[31mb", "iterations": [{"index": 0, "metrics": {"x\\u009by": 1}}]}'
    history = parse_history(written)
    assert "\x1b" not in history.name
    assert "\x9b" not in "".join(history.iterations[0].metrics)
    assert "\x1b" not in "".join(
        faults('{"\\u001b]52": 1, "iterations": [{"index": 0, "metrics": {"a": "\\u001b[2J"}}]}')
    )
