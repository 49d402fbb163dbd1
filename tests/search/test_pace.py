"""Networks an hour, and how long the rest takes."""

from nas.search.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def paced(*counts: tuple[float, int, int]) -> tuple[Pace, Clock]:
    clock = Clock()
    pace = Pace(clock=clock)
    for now_s, num_all, num_here in counts:
        clock.now_s = now_s
        pace.note(num_all, num_here)
    return pace, clock


def test_nothing_is_known_before_a_network_is_trained() -> None:
    pace, _ = paced((100, 7, 0), (130, 7, 0))
    assert pace.per_hour == 0
    assert pace.seconds_for(10) is None


def test_others_bring_the_end_nearer_but_are_not_trained_here() -> None:
    pace, _ = paced((100, 7, 0), (110, 8, 0), (120, 9, 1))
    assert pace.per_hour == 3600 * 1 / 20
    assert pace.seconds_for(4) == 4 * 20 / 2


def test_pace_falls_while_nothing_is_finished() -> None:
    pace, clock = paced((100, 0, 0), (110, 1, 1))
    assert pace.per_hour == 360
    clock.now_s = 190
    pace.note(1, 1)
    assert pace.per_hour == 40


def test_pace_is_that_of_the_last_networks() -> None:
    slow = [(100.0 * n, n, n) for n in range(100)]
    fast = [(9900 + 1.0 * n, 99 + n, 99 + n) for n in range(1, 51)]
    pace, _ = paced(*slow, *fast)
    assert pace.per_hour == 3600  # 49 networks in 49 s
