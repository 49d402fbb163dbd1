"""Why candidates fail, in kinds: what to do about five of one kind in a row."""

__all__ = ["ADVICE", "kind_of"]

# As torch, the system, C++, the loader and oneDNN say it, which builds kernels when it needs them.
_NO_MEMORY = (
    *("allocate memory", "out of memory", "bad_alloc", "zero-fill pages"),
    "could not create a primitive",
)

ADVICE = {
    "diverged": "the losses of these networks explode: choose another --space, or look at --data",
    "memory": "give fewer --workers, or a larger --max-memory-gb",
    "timeout": "give a longer --candidate-timeout-s, or --max-latency-ms to leave out large ones",
    "died": "something kills the workers, maybe for memory: give fewer --workers, or a larger "
    "--max-memory-gb if you gave one",
    "error": "mend the cause",
}


def kind_of(error: BaseException) -> str:
    """A key of `ADVICE`.

    A full disk is none: it ends the search at once, since no other candidate would fare better.
    """
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(words in text for words in _NO_MEMORY):
        return "memory"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, FloatingPointError) or "finite" in text:
        return "diverged"
    return "error"
