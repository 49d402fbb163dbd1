"""The search: proposals, evaluation, early stopping, workers, the study, the result."""
