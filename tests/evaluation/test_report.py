import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from pneumoray.evaluation.intervals import bootstrap
from pneumoray.evaluation.metrics import METRICS, PER_CLASS, evaluate
from pneumoray.evaluation.report import Report, ensemble_report, member_report, to_markdown


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
    assert "sensitivity (1) | specificity (1) | precision (1) | F1 (1)" in chosen


def test_the_positive_class_is_named_and_none_of_several_is():
    report = member_report("vgg11", *predictions(), 0.3, ("NORMAL", "PNEU|MONIA"))
    assert report["positive"] == "PNEU|MONIA"
    heading = r"| model | threshold (PNEU\|MONIA) | AUROC | accuracy | sensitivity (PNEU\|MONIA) |"
    assert heading in to_markdown(ensemble_report(report, []))
    assert by_hand()["positive"] is None
    assert "| model | threshold | AUROC | accuracy | sensitivity |" in to_markdown(
        report_of(4, None)
    )


def test_markdown_of_several_classes_has_one_table_of_scores_and_one_of_classes():
    page = to_markdown(report_of(4, None))
    assert "## By the largest probability" in page
    assert page.count("| vote |") == 1
    assert "## The vote, class by class" in page


# Six images of three classes and none of the fourth, worked out by hand: the first class is called
# once wrongly, the second is never called, the third is called for the second's image as well.
LABELS = np.array([0, 0, 0, 1, 2, 2])
CALLED = np.array([0, 0, 2, 2, 2, 2])
GROUPS = np.array(list("aabbcc"))
CLASSES = ("dome", "gate|west", "tower", "unseen")


def by_hand():
    return member_report("vgg11", LABELS, np.eye(4)[CALLED], GROUPS, None, CLASSES)


def test_a_report_tells_each_class_against_the_rest():
    dome, gate, tower, unseen = by_hand()["per_class"]
    assert list(dome) == ["name", "num_images", *PER_CLASS]
    assert [row["name"] for row in (dome, gate, tower, unseen)] == list(CLASSES)
    assert [row["num_images"] for row in (dome, gate, tower, unseen)] == [3, 1, 2, 0]
    assert (dome["sensitivity"], dome["specificity"], dome["precision"]) == (2 / 3, 1, 1)
    assert dome["f1"] == pytest.approx(0.8)
    assert (gate["sensitivity"], gate["precision"], gate["f1"]) == (0, 0, 0)
    assert (tower["sensitivity"], tower["specificity"], tower["precision"]) == (1, 0.5, 0.5)
    assert tower["auroc"] == pytest.approx(0.75)  # half of the others tie with it
    assert unseen["sensitivity"] is unseen["f1"] is unseen["auroc"] is None
    assert unseen["specificity"] == 1


def test_the_macro_average_is_over_the_classes_that_have_images():
    report = by_hand()
    assert report["macro"]["sensitivity"] == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert report["macro"] == pytest.approx({name: report[name] for name in PER_CLASS})


def test_two_classes_keep_the_positive_class_and_have_the_macro_average_beside_it():
    labels, probs, groups = predictions()
    report = member_report("vgg11", labels, probs, groups, 0.3)
    healthy, ill = report["per_class"]
    assert (healthy["name"], ill["name"]) == ("0", "1")
    assert {name: ill[name] for name in PER_CLASS} == {name: report[name] for name in PER_CLASS}
    assert healthy["sensitivity"] == ill["specificity"]
    mean = (report["sensitivity"] + report["specificity"]) / 2
    assert report["macro"]["sensitivity"] == pytest.approx(mean)


def test_markdown_names_the_weakest_classes_first_and_their_mean_last():
    page = to_markdown(ensemble_report(by_hand(), []))
    table = page.split("## The vote, class by class")[1]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    names = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    assert names == [r"gate\|west", "tower", "dome", "unseen", "mean of classes"]
    assert rows[2] == "| dome | 3 | 0.667 | 1.000 | 1.000 | 0.800 | 0.833 |"
    assert rows[3] == "| unseen | 0 | n/a | 1.000 | 0.000 | n/a | n/a |"
    assert rows[4].startswith("| mean of classes | 6 | 0.556 |")


def test_as_many_names_as_classes_are_needed():
    with pytest.raises(ValueError, match="zip"):
        member_report("vgg11", LABELS, np.eye(4)[CALLED], GROUPS, None, CLASSES[:3])


@pytest.fixture
def shown():
    """The report of two classes as a Report, with what an ensemble says of its members."""
    values = report_of(2, 0.4) | {"study": "mine"}
    for i, model in enumerate([*values["members"], values["vote"]]):
        model |= {"val_auroc": 0.9 - i / 10}
    for member in values["members"]:
        member |= {"backbone": member["name"], "name": f"{member['name']}-1f0c2a9b"}
    return Report(values, Path("ensembles/one"))


def test_a_report_is_the_dict_that_json_prints(shown):
    assert json.loads(json.dumps(shown)) == shown
    assert shown["openings"] == 2
    again = pickle.loads(pickle.dumps(shown))
    assert (again, again.folder) == (shown, Path("ensembles/one"))


def test_a_report_shows_itself_as_a_table(shown):
    title, *heads, first, second, vote = repr(shown).splitlines()
    assert title == "Test split of study mine: 60 images of 20 patients"
    assert heads[-1].split() == ["model", "AUROC", "AUROC", "accuracy", "(1)", "(1)"]
    for line, model in zip((first, second, vote), [*shown["members"], shown["vote"]], strict=True):
        scores = ("val_auroc", "auroc", "accuracy", "sensitivity", "specificity")
        assert line.split() == [shown.name_of(model), *(f"{model[name]:.4f}" for name in scores)]
    assert [line.split()[0] for line in (first, second, vote)] == ["vgg11", "resnet18", "vote"]
    assert ">vote</td>" in shown._repr_html_()


def test_the_best_member_is_best_on_validation(shown):
    assert shown.best["backbone"] == "vgg11"


def test_the_positive_class_is_the_second_of_two_also_of_an_older_report(shown):
    del shown["vote"]["positive"]
    assert shown.positive == "1"
    assert Report(report_of(4, None), Path("one")).positive is None
