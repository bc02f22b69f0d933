from pneumoray.tracking import scores

HALF = {"threshold": 0.5, "auroc": 0.9, "accuracy": 0.7, "intervals": {"accuracy": [0.6, 0.8]}}
VOTE = {
    "name": "vote",
    "positive": "PNEUMONIA",
    "threshold": 0.4,
    "num_images": 64,
    "num_groups": 47,
    "temperature": 1.5,
    "val_auroc": 0.97,
    "auroc": 0.9,
    "accuracy": 0.8,
    "sensitivity": None,
    "specificity": 0.75,
    "precision": 0.6,
    "f1": 0.66,
    "brier": 0.1,
    "log_loss": 0.3,
    "intervals": {"auroc": [0.85, 0.95], "accuracy": [0.7, None], "f1": [0.5, 0.7]},
    "per_class": [{"name": "NORMAL", "num_images": 23, "f1": 0.7}],
    "at_half": HALF,
}
MEMBER = {
    "name": "a",
    "positive": None,
    "threshold": None,
    "auroc": 0.8,
    "intervals": {"auroc": [0.7, 0.9]},
}
REPORT = {"vote": VOTE, "members": [MEMBER]}


def test_the_headline_is_at_most_a_dozen_numbers_that_are_defined():
    assert scores.headline(VOTE) == {
        "test_auroc": 0.9,
        "test_auroc_low": 0.85,
        "test_auroc_high": 0.95,
        "test_accuracy": 0.8,
        "test_accuracy_low": 0.7,
        "test_specificity": 0.75,
        "test_f1": 0.66,
        "test_brier": 0.1,
    }
    everything = dict.fromkeys(VOTE, 0.5) | {"intervals": VOTE["intervals"]}
    assert len(scores.headline(everything)) <= 11  # one more is the score on validation


def test_the_table_holds_every_score_of_each_model_at_each_threshold():
    table = scores.table(REPORT)
    columns = ["model", "positive", "threshold", "score", "value", "low", "high"]
    assert list(table.columns) == columns
    found = {tuple(row[:4]): tuple(row[4:]) for row in table.itertuples(index=False)}
    assert found["vote", "PNEUMONIA", 0.4, "f1"] == (0.66, 0.5, 0.7)
    assert found["vote", "PNEUMONIA", 0.5, "accuracy"] == (0.7, 0.6, 0.8)
    rows = table[table["model"] == "a"]
    assert rows["score"].tolist() == ["auroc"]
    assert rows[["positive", "threshold"]].isna().all(axis=None)
    assert not {"num_images", "temperature", "threshold"} & set(table["score"])


def test_the_votes_classes_are_a_table_where_a_report_has_them():
    assert scores.per_class(REPORT).to_dict("records") == VOTE["per_class"]
    assert scores.per_class({"vote": {"auroc": 0.9}}).empty
