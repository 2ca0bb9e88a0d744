from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.models.tokens import prompt_ids
from tests.fixtures.untrained import untrained_resident

TEMPLATE = "{% for m in messages %}{{ m.content }} </s> {% endfor %}{% if add_generation_prompt %}reply :{% endif %}"
GOOD = (
    "{% for m in messages %}{% if m.role == 'assistant' %}reply : {{ m.content }} </s> "
    "{% else %}{{ m.content }} {% endif %}{% endfor %}{% if add_generation_prompt %}reply :{% endif %}"
)


def test_a_template_from_a_file_lets_a_base_model_take_messages(tmp_path: Path) -> None:
    path = tmp_path / "chat.jinja"
    path.write_text(GOOD)
    resident = untrained_resident(tmp_path / "base", chat_template=str(path))
    asked = [{"role": "user", "content": "ask : my lamp is broken ."}]
    assert resident.chat
    assert prompt_ids(resident.tokenizer, asked) == prompt_ids(resident.tokenizer, "ask : my lamp is broken . reply :")


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{% for message in messages %}", r"line \d"),
        ("{{ bos_token }}", "leaves out what was said"),
        (TEMPLATE, "not how its conversation begins"),
        ("{{ raise_exception('no') }}", "no"),
    ],
)
def test_a_template_that_will_not_do_is_refused_before_anything_depends_on_it(
    tmp_path: Path, template: str, problem: str
) -> None:
    path = tmp_path / "chat.jinja"
    path.write_text(template)
    with pytest.raises(ModelError, match=problem):
        untrained_resident(tmp_path / "base", chat_template=str(path))


def test_a_missing_template_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "chat.jinja").write_text(GOOD)
    with pytest.raises(ModelError, match="no such file") as caught:
        untrained_resident(tmp_path / "base", chat_template=str(tmp_path / "chat.jnja"))
    assert "chat.jinja" in caught.value.remedy
