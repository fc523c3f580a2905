"""Text that comes from elsewhere stays text, in the page and in the model card."""

import pytest

from asteroid_taxonomy.report import rendering


def test_embedded_json_cannot_end_its_script():
    assert "</script" not in rendering.embedded({"name": "</script><b>"})


@pytest.mark.parametrize(("text", "shown"), [
    ("a_b & c", r"a\_b & c"), ("<b>x</b>", r"\<b\>x\</b\>"), ("[x](http://y)", r"\[x\](http://y)"),
    ("one | two\n# three", r"one \| two \# three"),
    (rendering.code("a_b`c\nd"), "`a_b'c d`"),
])
def test_markdown_shows_text_as_it_is(text, shown):
    assert rendering.in_markdown(text) == shown


@pytest.mark.parametrize(("figures", "shown"), [
    ({"a": 0.79, "a_se": 0.017}, "79.0\u00a0±\u00a01.7%"), ({"a": 0.79}, "79.0%"),
    ({"a": None, "a_se": None}, "–")])
def test_a_figure_is_given_with_its_error_where_there_is_one(figures, shown):
    assert rendering.plus_minus(figures, "a") == shown


@pytest.mark.parametrize(("citation", "address"), [
    ("Galluccio et al. 2022 (spectra; 2023A&A...674A..35G)", "/abs/2023A%26A...674A..35G"),
    ("<Tanga> et al. 2023, doi:10.1051/0004-6361/202243796.", "/10.1051/0004-6361/202243796"),
])
def test_a_citation_leads_to_its_paper_and_is_no_markup(citation, address):
    linked = rendering.linked(citation)
    assert f'{address}"' in linked and "<T" not in linked
