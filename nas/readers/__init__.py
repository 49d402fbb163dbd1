"""What a graph means, one file per audience."""
