"""Figures, the page of a run, the dashboard."""
