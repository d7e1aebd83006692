import unicodedata

import pytest

from retrieval.text import folded, storable


@pytest.mark.parametrize("text", ["", "학교", "a\x00b", "\ud800끝\udfff", "😀\x00", "\x01\x1f"])
def test_storable_text_encodes_and_keeps_its_length(text: str) -> None:
    clean = storable(text)
    assert len(clean) == len(text)
    assert "\x00" not in clean
    assert clean.encode().decode() == clean


def test_storable_leaves_good_text_alone() -> None:
    assert storable("학교 😀 été\n") == "학교 😀 été\n"


def test_folding_makes_full_width_plain_and_keeps_the_length() -> None:
    assert folded("ＡＢＣ ①\u00a0２０") == "ABC 1 20"
    assert folded("…㎏") == "…㎏"
    decomposed = unicodedata.normalize("NFD", "학교")
    assert len(folded(decomposed)) == len(decomposed)
