from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import RunConfig, load_config, override, parse_config, parse_value
from engine.config.faults import known_keys
from engine.config.schema import RECORD_BOUNDS
from engine.errors import ConfigError, UsageError
from engine.records import Budget, Thresholds


def faults(text: str, *assignments: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "run.yaml", assignments)
    return [str(fault) for fault in caught.value.faults]


def test_an_empty_config_is_the_defaults() -> None:
    assert parse_config("") == RunConfig()
    assert parse_config("training:\nbudget:\n") == RunConfig()
    assert RunConfig().thresholds == Thresholds()
    assert RunConfig().budget == Budget(iterations=5)


def test_every_fault_is_found_at_once() -> None:
    found = faults("training: {beta: 5, max_steps: 1.5}\nthresholds: {kl: -1}\nrecipe: ppo", "bta=2", "seed")
    assert len(found) == 6
    assert [fault.split(":")[0].split(" =")[0] for fault in found] == [
        "bta",
        "seed",
        "thresholds.kl",
        "recipe",
        "training.beta",
        "training.max_steps",
    ]


def test_the_error_counts_and_names_its_source() -> None:
    with pytest.raises(UsageError) as caught:
        parse_config("recipe: ppo", "run.yaml")
    assert str(caught.value) == "run.yaml: 1 fault\n  recipe = 'ppo': expected 'dpo' or 'rlhf'"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("training: {beta: 5}", "training.beta = 5: expected at most 1"),
        ("training: {beta: 0}", "training.beta = 0: expected at least 0.01"),
        ("training: {max_grad_norm: 0}", "training.max_grad_norm = 0: expected more than 0"),
        ("model: {lora_dropout: 1}", "model.lora_dropout = 1: expected less than 1"),
        ("training: {beta: .nan}", "training.beta = nan: expected a finite number"),
        ("training: {beta: -.inf}", "training.beta = -inf: expected a finite number"),
        ("training: {beta: no}", "training.beta = False: expected a number"),
        ("training: {beta: null}", "training.beta = None: expected a number"),
        ("training: {max_steps: 5.5}", "training.max_steps = 5.5: expected a whole number"),
        ("training: {max_steps: true}", "training.max_steps = True: expected a whole number"),
        ("training: 3", "training = 3: expected keys and values"),
        ("model: {name: ''}", "model.name = '': expected some text"),
        ("model: {name: 5}", "model.name = 5: expected text"),
        ("evaluation: {probes: one.jsonl}", "evaluation.probes = 'one.jsonl': expected a list"),
        ("evidence: maybe", "evidence = 'maybe': expected true or false"),
        ("thresholds: {retention: 95}", "thresholds.retention = 95: expected a number from 0 to 1"),
        ("thresholds: {kl: no}", "thresholds.kl = False: expected a number"),
        ("thresholds: {kl: .nan}", "thresholds.kl = nan: expected a number of at least 0"),
        ("thresholds: {retries: 2.5}", "thresholds.retries = 2.5: expected a whole number"),
        ("budget: {wall_hours: -3}", "budget.wall_hours = -3: expected a number of at least 0"),
        ("budget: {iterations: yes}", "budget.iterations = True: expected a number"),
        ("budget: 4", "budget = 4: expected keys and values"),
        ("decide: soon", "decide = 'soon': expected ask, auto, or a number of seconds"),
        ("decide: true", "decide = True: expected ask, auto, or a number of seconds"),
        ("decide: -1", "decide = -1: expected ask, auto, or a number of seconds"),
    ],
)
def test_a_bad_value_is_named_with_what_would_do(text: str, fault: str) -> None:
    assert faults(text) == [fault]


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ("training: {seed: '3'}", "training.seed", "write it without quotes"),
        ("training: {learning_rate: 5e-7x}", "training.learning_rate", "5e-7"),
        ("thresholds: {kl: '0.1'}", "thresholds.kl", "write it without quotes"),
        ("training: {loss_type: no}", "training.loss_type", "put quotes around the word"),
        ("model: {quantization: off}", "model.quantization", "put quotes around the word"),
        ("data: {source: file}", "data.path", "set data.path"),
    ],
)
def test_a_remedy_is_offered(text: str, key: str, remedy: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(key)
    assert remedy in fault


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("trainning: {beta: 0.1}", "did you mean training?"),
        ("training: {learning_rte: 1e-6}", "did you mean training.learning_rate?"),
        ("training: {lr: 1e-6}", "did you mean training.learning_rate?"),
        ("training: {qqqq: 1e-6}", "known here: beta, learning_rate"),
        ("beta: 0.2", "did you mean training.beta?"),
        ("model: {beta: 0.2}", "did you mean training.beta?"),
        ("thresholds: {kll: 0.2}", "did you mean thresholds.kl?"),
        ("1: 2", "known here: recipe, model"),
    ],
)
def test_an_unknown_key_comes_with_the_nearest(text: str, nearest: str) -> None:
    (fault,) = faults(text)
    assert "unknown key" in fault
    assert nearest in fault


@pytest.mark.parametrize("text", ["5e-7", "5E-7", "5.0e-7", "0.0000005", ".5e-6"])
def test_scientific_notation_is_a_number(text: str) -> None:
    assert parse_config(f"training: {{learning_rate: {text}}}").training.learning_rate == 5e-7
    assert parse_value(text) == 5e-7


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &x 1\nb: *x", "line 2: not readable as YAML: aliases are not accepted"),
        ("recipe: dpo\nrecipe: dpo", "line 2: not readable as YAML: key 'recipe' appears twice"),
        ("training: {beta: 1, beta: 1}", "line 1: not readable as YAML: key 'beta' appears twice"),
        ("? [1]\n: 2", "line 1: not readable as YAML: a key must be one word"),
        ("a: [1", "line 1: not readable as YAML: expected ',' or ']', but got '<stream end>'"),
        ("[" * 5000, "file: not readable as YAML: nested too deeply"),
        ("!!python/object:os.system x", "line 1: not readable as YAML: could not determine a constructor"),
    ],
)
def test_yaml_that_misleads_or_breaks_is_refused(text: str, problem: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(problem)


def test_a_number_of_thousands_of_digits_is_a_fault_and_not_a_crash() -> None:
    (fault,) = faults(f"threads: {'9' * 5000}")
    assert "not readable as YAML" in fault


def test_a_name_that_looks_like_a_date_is_a_name() -> None:
    assert parse_config("model: {name: 2024-01-01}").model.name == "2024-01-01"


def test_control_characters_in_keys_and_values_do_not_reach_the_terminal() -> None:
    found = "".join(faults('"\\e]52;c;x\\a": 1\nrecipe: "\\e[31mred"'))
    assert "\x1b" not in found
    assert "\x07" not in found


def test_assignments_take_short_and_full_names() -> None:
    config = parse_config("training: {beta: 0.3}", "run.yaml", ["beta=0.2", "data.prompts=12", "decide=auto"])
    assert (config.training.beta, config.data.prompts, config.decide) == (0.2, 12, "auto")
    assert parse_config("training:", "run.yaml", ["training.learning_rate=5e-7"]).training.learning_rate == 5e-7
    assert parse_config("", "run.yaml", ["model.gguf_file=null"]).model.gguf_file is None
    assert parse_config("", "run.yaml", ["model.name=a=b"]).model.name == "a=b"


@pytest.mark.parametrize(
    ("assignment", "fault"),
    [
        ("beta", "beta: not an assignment (write KEY=VALUE, such as beta=0.2)"),
        ("=3", "=3: not an assignment (write KEY=VALUE, such as beta=0.2)"),
        ("training.bta=2", "training.bta = 2: no such key (did you mean training.beta?)"),
        ("bet=2", "bet = 2: no such key (did you mean training.beta?)"),
        ("model.name.x=3", "model.name.x = 3: no such key"),
        ("model=3", "model = 3: expected keys and values"),
        ("beta=no", "training.beta = False: expected a number"),
        ("beta=", "training.beta = None: expected a number"),
    ],
)
def test_a_bad_assignment_is_named(assignment: str, fault: str) -> None:
    assert faults("", assignment) == [fault]


def test_an_assignment_does_not_hide_a_fault_of_the_file() -> None:
    assert faults("training: 3", "beta=0.2") == ["training = 3: expected keys and values"]


def test_override_keeps_the_rest() -> None:
    config = override(parse_config("training: {beta: 0.3, max_steps: 7}"), ["beta=0.2"])
    assert (config.training.beta, config.training.max_steps) == (0.2, 7)
    with pytest.raises(ConfigError, match="expected at most 1"):
        override(config, ["beta=2"])


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, problem in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "cannot be read"), (binary, "UTF-8")):
        with pytest.raises(ConfigError, match=problem):
            load_config(path)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("training: {beta: 0.3}")
    assert load_config(path, ["max_steps=9"]).training.max_steps == 9


def test_record_bounds_name_keys_that_exist() -> None:
    assert set(RECORD_BOUNDS) <= set(known_keys())


def test_every_key_of_the_schema_says_what_it_is_for() -> None:
    sections = [
        RunConfig,
        *(f.annotation for f in RunConfig.model_fields.values() if hasattr(f.annotation, "model_fields")),
    ]
    silent = [
        name
        for section in sections
        for name, field in section.model_fields.items()
        if not field.description and not hasattr(field.annotation, "model_fields")
    ]
    assert silent == []


def test_a_judge_recorded_where_older_runs_had_it_is_still_read() -> None:
    assert parse_config("evaluation: {judge: overlap, prompts: 3}").judges.training == "overlap"
    assert faults("evaluation: {judge: sun}")[0].startswith("judges.training = 'sun': expected ")
    assert faults("evaluation: {judge: demo}\njudges: {training: overlap}")[0].startswith(
        "evaluation.judge: unknown key"
    )


class TestEndpoint:
    WHOLE = "judges: {held_out: endpoint, endpoint: {url: 'http://127.0.0.1:8080/v1', model: tiny}}"

    def test_an_assignment_reaches_a_section_within_a_section(self) -> None:
        config = parse_config(self.WHOLE, "run.yaml", ["judges.endpoint.timeout=5", "judges.training=demo"])
        assert (config.judges.endpoint.timeout, config.judges.endpoint.model) == (5, "tiny")
        assert (config.judges.training, config.judges.held_out) == ("demo", "endpoint")
        assert parse_config("", "run.yaml", ["judges.endpoint.max_tokens=9"]).judges.endpoint.max_tokens == 9
        assert faults("judges: 3", "judges.endpoint.timeout=5") == ["judges = 3: expected keys and values"]

    def test_it_needs_a_server_and_a_model(self) -> None:
        found = faults("judges: {training: endpoint}")
        assert [fault.split(":")[0] for fault in found] == ["judges.endpoint.url", "judges.endpoint.model"]

    def test_a_reward_model_needs_a_folder(self) -> None:
        assert faults("judges: {held_out: reward_model}")[0].startswith("judges.reward_model.path: ")

    @pytest.mark.parametrize(
        "setting",
        ["key_env: sk-0123456789", "url: 'http://me:sk-0123456789@host/v1'", "url: 'http://h?k=sk-0123456789'"],
    )
    def test_a_secret_in_the_wrong_place_is_refused_and_not_shown(self, setting: str) -> None:
        fault = faults(f"judges: {{endpoint: {{{setting}}}}}")[0]
        assert fault.startswith(f"judges.endpoint.{setting.split(':')[0]}: expected ")
        assert "sk-" not in fault
