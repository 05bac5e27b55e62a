"""The public names of `rules` are sorted and there."""

import rules
from rules import checked, checks, resolver


def test_public_names_are_sorted_and_there() -> None:
    for module in (rules, checked, checks, resolver):
        assert list(module.__all__) == sorted(module.__all__)
        for name in module.__all__:
            assert hasattr(module, name)
