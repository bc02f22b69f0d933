"""What of a record can't be written, while its other parts are: refused by MLflow, or gone from here.

A file of the workspace that is damaged is as good as gone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pneumoray.errors import PneumorayError, TrackingError, WorkspaceError
from pneumoray.redaction import redacted, shown
from pneumoray.tracking.server import ELSE, check
from pneumoray.tracking.settings import Settings

_BUSY = (  # the same request may well be taken a moment later
    "TEMPORARILY_UNAVAILABLE",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "DEADLINE_EXCEEDED",
    "ABORTED",
)
_CONTENT = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "MALFORMED_REQUEST")
_REFUSED = (
    *_CONTENT,
    "INVALID_STATE",
    "PERMISSION_DENIED",
    "CUSTOMER_UNAUTHORIZED",
    "UNAUTHENTICATED",
    "RESOURCE_DOES_NOT_EXIST",
    "RESOURCE_ALREADY_EXISTS",
    "ENDPOINT_NOT_FOUND",
    "NOT_IMPLEMENTED",
)
_LONGEST = 300  # characters of a reason


class Gone(PneumorayError):
    """What a record speaks of is not here any more, so that it can never be sent."""


class Refusals:
    """Collects what of the records could not be written: `refused` can be mended, `gone` can't."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.refused: list[str] = []
        self.gone: list[str] = []

    @contextmanager
    def step(self) -> Iterator[None]:
        """What fails within is collected. An error that says that the server is away goes on."""
        try:
            yield
        except (Gone, FileNotFoundError, WorkspaceError) as error:
            name = getattr(error, "filename", None)
            self.gone.append(redacted(f"{name} is missing" if name else str(error)))
        except Exception as error:
            self.take(error)

    def take(self, error: Exception) -> None:
        """Collect `error`, or raise it where the server is busy, or TrackingError where it is away."""
        code = getattr(error, "error_code", "")
        if code in _BUSY or isinstance(error, TrackingError):
            raise error
        if code not in _REFUSED and not isinstance(error, PneumorayError):
            check(self.settings)
        self.refused.append(one_line(error, self.settings))

    def clear(self) -> tuple[list[str], list[str]]:
        """What was collected since the last call: (refused, gone), each reason once."""
        found = list(dict.fromkeys(self.refused)), list(dict.fromkeys(self.gone))
        self.refused, self.gone = [], []
        return found


def is_of_content(error: Exception) -> bool:
    """Whether MLflow refuses what was sent, so that a part of it may well be taken."""
    return getattr(error, "error_code", "") in _CONTENT


@contextmanager
def in_one_line(settings: Settings) -> Iterator[None]:
    """What MLflow raises within becomes a TrackingError."""
    try:
        yield
    except PneumorayError:
        raise
    except Exception as error:
        raise TrackingError(
            f"MLflow at {shown(settings.tracking_uri)} can't be used now ({one_line(error, settings)}); "
            f"try again, or {ELSE}"
        ) from None


def one_line(error: Exception, settings: Settings) -> str:
    """The beginning and the end of what the error says: the cause comes last. No secrets.

    The kind of what is not MLflow's own stands before it.
    """
    kind = "" if hasattr(error, "error_code") else f"{type(error).__name__}: "
    text = " ".join(f"{kind}{error}".split()).removesuffix(".")
    text = redacted(text, settings.tracking_uri, settings.artifacts)
    return text if len(text) <= _LONGEST else f"{text[:120]} ... {text[-170:]}"
