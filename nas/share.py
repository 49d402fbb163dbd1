"""Where spaces and latency models lie: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

__all__ = ["share_folder"]


def share_folder(name: str) -> Path:
    """The folder `name` ("search_spaces" or "latency_models") that this installation brought."""
    package = Path(__file__).parent
    checkout = package.parent / name
    return checkout if checkout.is_dir() else package / "_share" / name
