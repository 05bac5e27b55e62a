"""Process log: one line an event, text or JSON, with the request's id; never keys, tokens or texts."""

import json
import logging
from datetime import UTC, datetime

from server.errors import ApiError

LOGGER = logging.getLogger("opportune")


class LineFormatter(logging.Formatter):
    """`2024-01-20T10:30:00.123Z ERROR opportune: words [req_…]`, a traceback on the lines after it."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        line = f"{_instant(record)} {record.levelname} {record.name}: {record.getMessage()}"
        request_id = getattr(record, "request_id", "")
        if request_id:
            line += f" [{request_id}]"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, message, request_id, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        row = {
            "at": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, "request_id", ""):
            row["request_id"] = request_id
        if record.exc_info:
            row["traceback"] = self.formatException(record.exc_info)
        return json.dumps(row, ensure_ascii=False)


def _instant(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def configure_log(level: str, form: str) -> None:
    """Send the process log to stderr in a form, `text` or `json`; called once by the command line."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else LineFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def log_failure(answered: ApiError, cause: BaseException, request_id: str) -> None:
    """Log what a 500 does not tell its caller; other answers are only counted."""
    if answered.status == 500:
        LOGGER.error(
            "request failed: %s",
            type(cause).__name__,
            exc_info=cause,
            extra={"request_id": request_id},
        )
