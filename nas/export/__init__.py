"""The package a user ships."""
