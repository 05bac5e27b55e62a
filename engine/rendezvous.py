"""Which worker a partition belongs to: the one with the highest hash of both names. Pure.

Who comes or leaves moves its own partitions only, and nobody has to agree on anything but names.
"""

import struct
from collections.abc import Iterable
from hashlib import blake2b

_SCORES_A_DIGEST = 8
_read_scores = struct.Struct(f">{_SCORES_A_DIGEST}Q").unpack


def owners(partitions: int, workers: Iterable[str]) -> list[str]:
    """Name the worker of each partition, "" when there is none; the same for all who know the same names."""
    best: list[tuple[int, str]] = [(-1, "")] * partitions
    for worker in sorted(set(workers)):
        for partition, score in enumerate(_scores(worker, partitions)):
            if score > best[partition][0]:
                best[partition] = (score, worker)
    return [worker for _, worker in best]


def _scores(worker: str, partitions: int) -> list[int]:
    """Draw one number a partition from a worker's name."""
    scores: list[int] = []
    for block in range(-(-partitions // _SCORES_A_DIGEST)):
        scores.extend(_read_scores(blake2b(f"{worker}|{block}".encode()).digest()))
    return scores[:partitions]
