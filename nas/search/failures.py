"""Why candidates fail, in kinds: what to do about five of one kind in a row."""

__all__ = ["ADVICE", "kind_of"]

ADVICE = {
    "diverged": "the losses of these networks explode: choose another --space, or look at --data",
    "memory": "give fewer --workers, or a larger --max-memory-gb",
    "timeout": "give a longer --candidate-timeout-s, or --max-latency-ms to leave out large ones",
    "died": "something kills the workers, maybe for memory: give fewer --workers",
    "error": "mend the cause",
}


def kind_of(error: BaseException) -> str:
    """A key of `ADVICE`.

    A full disk is none: it ends the search at once, since no other candidate would fare better.
    """
    text = str(error).lower()
    if isinstance(error, MemoryError) or "can't allocate memory" in text or "out of memory" in text:
        return "memory"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, FloatingPointError) or "finite" in text:
        return "diverged"
    return "error"
