"""What a store can do that is one file of this machine: be copied, and be written anew."""

from pathlib import Path
from typing import Protocol, runtime_checkable


@runtime_checkable
class WholeFile(Protocol):
    """A store in one file. Both calls take about a second for 300 MB; writes wait meanwhile, or are refused."""

    async def back_up(self, path: Path) -> int:
        """Copy all that is committed into a new file and answer its bytes; it is on the disk then.

        Raises:
            BackupRefused: the file exists or cannot be written.
        """
        ...

    async def rewrite(self) -> None:
        """Leave nothing of what was removed in the file, also not in the gaps of its pages.

        Raises:
            BackupRefused: the disk has no room for it.
        """
        ...
