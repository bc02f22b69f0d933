"""The stages of the work, each readable from top to bottom: prepare, train, vote, evaluate."""
