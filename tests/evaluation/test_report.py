import json

import numpy as np
import pytest

from pneumoray.evaluation.intervals import bootstrap
from pneumoray.evaluation.metrics import METRICS, evaluate
from pneumoray.evaluation.report import ensemble_report, member_report, to_markdown


def predictions(num_classes=2, num_images=60, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.arange(num_images) % num_classes
    probs = generator.dirichlet(np.ones(num_classes), num_images) + np.eye(num_classes)[labels]
    return labels, probs / 2, np.array([f"person{i // 3}" for i in range(num_images)])


def report_of(num_classes, threshold):
    names = ("vgg11", "resnet18")
    members = [
        member_report(name, *predictions(num_classes, seed=i), threshold)
        for i, name in enumerate(names)
    ]
    vote = member_report("vote", *predictions(num_classes, seed=9), threshold)
    return ensemble_report(vote, members, openings=2, temperature=1.23456789)


def test_a_member_has_every_metric_at_both_thresholds_with_intervals():
    labels, probs, groups = predictions()
    report = member_report("vgg11", labels, probs, groups, 0.3)
    assert (report["name"], report["threshold"]) == ("vgg11", 0.3)
    assert (report["num_images"], report["num_groups"]) == (60, 20)
    assert {name: report[name] for name in METRICS} == evaluate(labels, probs, 0.3)
    assert {name: report["at_half"][name] for name in METRICS} == evaluate(labels, probs, 0.5)
    intervals = bootstrap(labels, probs, groups, 0.3)
    assert {name: tuple(ends) for name, ends in report["intervals"].items()} == intervals
    assert report["at_half"]["intervals"]["auroc"] == report["intervals"]["auroc"]
    assert report["sensitivity"] >= report["at_half"]["sensitivity"]


@pytest.mark.parametrize(("num_classes", "threshold"), [(2, 0.4), (4, None)])
def test_the_report_is_one_json_object(num_classes, threshold):
    report = report_of(num_classes, threshold)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert [member["name"] for member in report["members"]] == ["vgg11", "resnet18"]
    assert report["vote"]["name"] == "vote"
    assert report["openings"] == 2


def test_what_is_undefined_is_null():
    _, probs, groups = predictions()
    report = member_report("vgg11", np.zeros(60, dtype=int), probs, groups, 0.5)
    assert report["auroc"] is None
    assert report["intervals"]["auroc"] == [None, None]
    json.dumps(report, allow_nan=False)
    assert "n/a (n/a to n/a)" in to_markdown(ensemble_report(report, []))


def test_markdown_has_members_then_the_vote_at_both_thresholds():
    report = report_of(2, 0.4)
    page = to_markdown(report, "demo on the test split")
    assert page.startswith("# demo on the test split\n")
    assert "60 images of 20 patients" in page
    assert "- openings: 2\n- temperature: 1.235\n" in page
    chosen, at_half = page.split("## At 0.5")
    for table in (chosen, at_half):
        assert table.index("| vgg11 |") < table.index("| resnet18 |") < table.index("| vote |")
    low, high = report["vote"]["intervals"]["auroc"]
    assert f"| vote | 0.400 | {report['vote']['auroc']:.3f} ({low:.3f} to {high:.3f}) |" in chosen
    widths = {line.count("|") for line in page.splitlines() if line.startswith("|")}
    assert widths == {10}


def test_markdown_of_several_classes_has_one_table():
    page = to_markdown(report_of(4, None))
    assert "## By the largest probability" in page
    assert page.count("| vote |") == 1
