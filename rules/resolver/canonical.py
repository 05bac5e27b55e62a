"""The canonical text of checked values, and the short hash that names a version."""

from dataclasses import fields, is_dataclass
from hashlib import sha256

VERSION_LEN = 16


def canonical(value: object) -> str:
    """Write a checked value with everything that decides behaviour: no spans, no words for traces.

    Conditions, patterns and page lists stand as their keys.
    """
    key = getattr(value, "key", None)
    if isinstance(key, str) and key:
        return key
    if isinstance(value, tuple | list):
        return f"[{'; '.join(canonical(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{'; '.join(f'{name}: {canonical(value[name])}' for name in value)}}}"
    if is_dataclass(value) and not isinstance(value, type):
        parts = (canonical(getattr(value, item.name)) for item in fields(value) if item.compare)
        return f"{type(value).__name__}({'; '.join(parts)})"
    return repr(value)


def short_hash(value: object) -> str:
    """Name a checked value by the first 16 hex digits of the SHA-256 of its canonical text."""
    return sha256(canonical(value).encode()).hexdigest()[:VERSION_LEN]
