"""Secrets stay out of whatever is shown or written: those in URIs, and those in the environment."""

import os
import re
import urllib.parse

_NAMES = (
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "RAY_AUTH_TOKEN",
    "DATABRICKS_TOKEN",
    "HF_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)
_TRACKING_URI = "MLFLOW_TRACKING_URI"
_SHORTEST = 4  # of a secret that is looked for in a text: a shorter one is a part of other words
_HIDDEN = "***"
_USER = re.compile(r"(?<=://)(?!/).*@")  # a password may hold '/', '@' or ' '; it should not
_BEFORE_PASSWORD = r"(?<=://)[^\s/:@\[]*:(?!\d*[/?#])"  # a name, and no port behind it
_PASSWORD = re.compile(rf"{_BEFORE_PASSWORD}.+@")
_USER_IN_TEXT = re.compile(rf"(?:{_BEFORE_PASSWORD}[^\s'\"<>|]*|(?<=://)[^\s/?#'\"<>|]*)@")
_LOGIN = re.compile(r"\b(Basic|Bearer) (?=\S*[A-Z0-9=])[\w+/=.~-]{8,}")
_QUERY = re.compile(r"(?i)\b(\w*(?:password|passwd|pwd|token|secret))=[^&;\s'\"]+")


def shown(uri: str) -> str:
    """The URI without who and what stands before its host, and without a password in its query."""
    return _without_query(_USER.sub("", uri))


def has_password(uri: str) -> bool:
    """Whether a password stands in the URI; a name alone may be that of an Azure container."""
    return bool(_PASSWORD.search(uri) or _QUERY.search(uri))


def redacted(text: str, *uris: str) -> str:
    """`text` without the secrets of `uris`, of the environment, and of any URI that it quotes."""
    secrets = {os.environ.get(name, "") for name in _NAMES}
    for uri in (*uris, os.environ.get(_TRACKING_URI, "")):
        secrets |= _passwords(uri)
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            for form in (secret, urllib.parse.quote(secret, safe="")):
                text = text.replace(form, _HIDDEN)
    return _LOGIN.sub(rf"\1 {_HIDDEN}", _without_query(_USER_IN_TEXT.sub("", text)))


def _passwords(uri: str) -> set[str]:
    """The password of `uri`, as it stands there and decoded; a server's user without one is a token."""
    found = set()
    if match := _USER.search(uri):
        user, _, password = match[0].removesuffix("@").partition(":")
        if uri.startswith("http"):
            found = {password or user}
        elif "/" not in user:  # else it is of a path
            found = {password}
    found |= {match[0].partition("=")[2] for match in _QUERY.finditer(uri)}
    return found | {urllib.parse.unquote(one) for one in found}


def _without_query(text: str) -> str:
    return _QUERY.sub(rf"\1={_HIDDEN}", text)
