"""The tree of errors.

NasError
├── UserError            what a person can cause and mend: one line, exit code 2
│   ├── DataError        images or folders
│   ├── SpaceError       a search space that is wrong or unknown
│   ├── DeviceError      an unknown device, or one whose files are wrong
│   ├── RunError         a run folder, its storage or its configuration
│   ├── TrainingError    a training that cannot go on
│   └── UsageError       a command's argument
├── GraphError           a graph that cannot be built
│   ├── RewriteError     a graph that a rewrite does not fit
│   ├── ShapeError       inputs of a node do not fit
│   └── TextError        a text form that does not parse
├── IllegalError         a graph a target cannot run
└── UnknownOpError       a reader, or a latency model, asked about an op it does not know
"""

__all__ = [
    "DataError",
    "DeviceError",
    "GraphError",
    "IllegalError",
    "NasError",
    "RewriteError",
    "RunError",
    "ShapeError",
    "SpaceError",
    "TextError",
    "TrainingError",
    "UnknownOpError",
    "UsageError",
    "UserError",
]


class NasError(Exception):
    """Base of everything `nas` raises on purpose."""


class UserError(NasError):
    """A person caused it and can mend it: what, where, and a hint how.

    Args:
        message: The rule, the value and the place, in one line.
        hint: What to do about it, in one line.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint


class DataError(UserError):
    """Images or folders of images."""


class SpaceError(UserError):
    """A search space that is wrong or unknown."""


class DeviceError(UserError):
    """A device that is unknown, or whose files are wrong."""


class RunError(UserError):
    """A run folder, its storage or its configuration."""


class TrainingError(UserError):
    """A training whose loss is no longer finite, or whose checkpoint is of another one."""


class UsageError(UserError):
    """An argument of a command."""


class GraphError(NasError):
    """A graph that cannot be built."""


class ShapeError(GraphError):
    """Inputs of a node do not fit its op."""


class RewriteError(GraphError, UserError):
    """A graph that a rewrite does not fit."""


class TextError(GraphError, UserError):
    """A text form that does not parse."""


class IllegalError(NasError):
    """A graph that a target cannot run."""


class UnknownOpError(NasError):
    """A reader or a latency model was asked about an op it does not know."""
