"""Text that comes from elsewhere stays text, in the page and in the model card."""

import pytest

from asteroid_taxonomy.page import rendering


def test_embedded_json_cannot_end_its_script():
    assert "</script" not in rendering.embedded({"name": "</script><b>"})


@pytest.mark.parametrize(("text", "shown"), [
    ("Mahlke, Carry & Mattei 2022", "Mahlke, Carry & Mattei 2022"),
    ("a_b", r"a\_b"), ("<b>x</b>", r"\<b\>x\</b\>"), ("[x](http://y)", r"\[x\](http://y)"),
    ("one | two\n# three", r"one \| two \# three"),
])
def test_markdown_shows_text_as_it_is(text, shown):
    assert rendering.in_markdown(text) == shown


def test_a_code_span_has_no_escapes_and_cannot_be_ended():
    assert rendering.in_markdown(rendering.code("mlp_ensemble")) == "`mlp_ensemble`"
    assert rendering.in_markdown(rendering.code("a`b\nc")) == "`a'b c`"


@pytest.mark.parametrize(("figures", "said"), [
    ({"a": 0.79, "a_std": 0.017}, "79.0 ± 1.7 %"), ({"a": 0.79}, "79.0 %"),
    ({"a": None, "a_std": None}, "–"), ({}, "–")])
def test_a_figure_is_given_with_its_error_where_there_is_one(figures, said):
    assert rendering.plus_minus(figures, "a") == said
