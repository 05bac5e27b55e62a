"""Ids that programs write where they have none: whoever sent them would all be one person."""

_NOBODY = frozenset(
    {
        "", "0", "-1", "anonymous", "false", "guest", "n/a", "na", "nan", "nil", "none", "null", "true",
        "undefined", "[object object]",
    }
)  # fmt: skip


def names_nobody(identity: str) -> bool:
    """Tell whether an id stands for nobody, whatever its case."""
    return identity.lower() in _NOBODY
