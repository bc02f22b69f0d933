"""Images on disk -> Manifest -> Pack -> batches."""
