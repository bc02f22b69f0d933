"""docs/reference says what the code says."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_made_from_todays_code():
    pages = runpy.run_path(str(DOCS / "reference.py"))["pages"]()
    stale = [page.name for page, text in pages.items() if page.read_text() != text]
    assert stale == [], "run 'make docs', and commit what it changed"
    assert {page.name for page in (DOCS / "reference").iterdir()} == {page.name for page in pages}


def test_every_field_has_a_description():
    from pneumoray.config import Config
    from pneumoray.study import Race, Study
    from pneumoray.tracking.settings import Settings

    for model in (Config, Race, Study, Settings):
        bare = [name for name, field in model.model_fields.items() if not field.description]
        assert bare == [], model.__name__
