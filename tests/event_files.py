"""What TensorBoard reads in a folder of event files."""

from pathlib import Path

__all__ = ["curves"]


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Step and value of each scalar, by tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }
