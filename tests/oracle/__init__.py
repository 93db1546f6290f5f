"""A second computation of stage and signals, written from the documents alone, to hold beside the first."""
