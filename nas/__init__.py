"""Hardware-aware search for networks that run fully quantised, in real time, on mobile NPUs."""

__all__ = ["__version__"]

__version__ = "0.1.0"
