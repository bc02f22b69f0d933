"""No secret is shown: not of a URI, not of the environment, not in an error of any kind."""

import pytest

from pneumoray import errors, redaction


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://user:secret@host:5000/a", "http://host:5000/a"),
        ("http://host:5000/a", "http://host:5000/a"),
        ("https://token@host/a", "https://host/a"),
        ("postgresql+psycopg2://user:p%40ss@host/db", "postgresql+psycopg2://host/db"),
        ("postgresql://user:p@ss/w?rd#1@host:1/db", "postgresql://host:1/db"),
        (
            "postgresql://host/db?user=me&password=secret",
            "postgresql://host/db?user=me&password=***",
        ),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("sqlite:////home/me@work/b.db", "sqlite:////home/me@work/b.db"),
        ("s3://bucket/a", "s3://bucket/a"),
    ],
)
def test_a_uri_is_shown_without_who_and_what_opens_it(uri, shown):
    assert redaction.shown(uri) == shown


@pytest.mark.parametrize(
    ("uri", "has"),
    [
        ("sftp://user:secret@host/a", True),
        ("sftp://user:1234@host/a", True),
        ("s3://AKIA:sec+ret/x@bucket", True),
        ("s3://user:pa/ss@host/b", True),
        ("s3://user:p@/s?s#w@host:1/b@c", True),
        ("s3://bucket/a@b:c", False),
        ("s3://bucket/a:b@c", False),
        ("http://host:5000/a@b", False),
        ("http://host:5000?a@b", False),
        ("http://[::1]:5000/a@b", False),
        ("wasbs://container@account.blob.core.windows.net/a", False),
        ("https://host/a?token=secret", True),
        ("/home/me@work/artifacts", False),
    ],
)
def test_whether_a_uri_holds_a_password(uri, has):
    assert redaction.has_password(uri) is has


def test_a_text_is_left_as_it_is_but_for_its_secrets(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cr#t")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hidden%21@host")
    monkeypatch.setenv("HF_TOKEN", "a")  # too short to be looked for
    said = "s3cr#t s3cr%23t 0123456789abcdef hidden! hidden%21 at http://me:x@host/path, a mail to a@b.c"
    expected = "*** *** *** *** *** at http://host/path, a mail to a@b.c"
    assert redaction.redacted(said) == expected
    assert redaction.redacted("password 'from/file'", "http://u:from%2Ffile@h") == "password '***'"
    assert str(errors.DataError("see http://me:x@host, s3cr#t")) == "see http://host, ***"
    assert redaction.redacted("Authorization: Basic bWU6cGFzc3dvcmQ=") == "Authorization: Basic ***"
    assert redaction.redacted("Basic authentication") == "Basic authentication"
    assert redaction.redacted("models:/pneumoray-xray-vgg@champion") == (
        "models:/pneumoray-xray-vgg@champion"
    )


def test_a_password_with_a_space_is_a_password():
    uri = "postgresql://user:my s3cret@host:5432/db"
    assert redaction.shown(uri) == "postgresql://host:5432/db"
    assert redaction.has_password(uri)
    assert redaction.has_password("s3://key:s3c ret@bucket/x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("err for s3://user:pa/ss@host/b", "err for s3://host/b"),
        ("'s3://AKIA:sec+ret/x@bucket', a@b", "'s3://bucket', a@b"),
        ("no http://user:p@ss/w?rd@host/x@y z", "no http://y z"),  # rather too much than too little
        ("see http://host:5000/a@b", "see http://host:5000/a@b"),
        ("see http://[::1]:5000/a@b", "see http://[::1]:5000/a@b"),
        ("see s3://bucket/a@b:c", "see s3://bucket/a@b:c"),
        ("at http://me:x@host:1 and http://you:y@there", "at http://host:1 and http://there"),
    ],
)
def test_a_password_with_a_slash_is_hidden_in_a_text_and_a_port_is_none(text, expected):
    assert redaction.redacted(text) == expected


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("wasbs://container@account/a", "the container is gone"),
        ("s3://bucket/a:models@b", "no models in bucket/a"),
    ],
)
def test_what_is_no_password_of_a_place_for_files_stays_in_a_text(uri, text):
    assert redaction.redacted(text, uri) == text
