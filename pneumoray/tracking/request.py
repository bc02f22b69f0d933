"""One request to an MLflow server, sent as MLflow itself sends it: how one logs in is MLflow's own matter."""

from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request


def answer(
    uri: str, path: str, body: dict[str, Any] | None, patience_seconds: float
) -> tuple[int, str]:
    """(HTTP status, text) of what comes back from a GET, or from a POST of `body` as JSON.

    Raises what is at the bottom of it where nothing comes back: mostly an OSError.
    """
    try:
        found = http_request(
            get_default_host_creds(uri),
            path,
            "GET" if body is None else "POST",
            json=body,
            timeout=patience_seconds,
            max_retries=0,
            raise_on_status=False,
        )
    except MlflowException as error:
        cause: BaseException = error
        while cause.__context__ is not None:
            cause = cause.__context__
        raise cause from None
    return found.status_code, found.text
