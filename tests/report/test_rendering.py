"""Text that comes from elsewhere stays text, in the page and in the model card."""

import pytest

from asteroid_taxonomy.report import rendering


def test_embedded_json_cannot_end_its_script():
    assert "</script" not in rendering.embedded({"name": "</script><b>"})


@pytest.mark.parametrize(("text", "shown"), [
    ("a_b & c", r"a\_b & c"), ("<b>x</b>", r"\<b\>x\</b\>"), ("[x](http://y)", r"\[x\](http://y)"),
    ("one | two\n# three", r"one \| two \# three"),
])
def test_markdown_shows_text_as_it_is(text, shown):
    assert rendering.in_markdown(text) == shown


def test_a_code_span_has_no_escapes_and_cannot_be_ended():
    assert rendering.in_markdown(rendering.code("mlp_ensemble")) == "`mlp_ensemble`"
    assert rendering.in_markdown(rendering.code("a`b\nc")) == "`a'b c`"


@pytest.mark.parametrize(("figures", "shown"), [
    ({"a": 0.79, "a_se": 0.017}, "79.0 ± 1.7 %"), ({"a": 0.79}, "79.0 %"),
    ({"a": None, "a_se": None}, "–")])
def test_a_figure_is_given_with_its_error_where_there_is_one(figures, shown):
    assert rendering.plus_minus(figures, "a") == shown


@pytest.mark.parametrize(("citation", "address"), [
    ("Galluccio et al. 2022 (spectra; 2023A&A...674A..35G)", "/abs/2023A%26A...674A..35G"),
    ("Tanga et al. 2023, doi:10.1051/0004-6361/202243796.", "/10.1051/0004-6361/202243796"),
])
def test_a_citation_leads_to_its_paper(citation, address):
    assert f'{address}"' in rendering.linked(citation)


def test_a_citation_is_no_markup():
    assert rendering.linked("<b>Nobody</b> 2031") == "&lt;b&gt;Nobody&lt;/b&gt; 2031"
