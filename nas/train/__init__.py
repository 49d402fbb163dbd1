"""Recipes, the start, closed-form readouts, the training loop."""
