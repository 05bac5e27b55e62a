"""What workers say of themselves: summed over the others, bounded, and nothing where it cannot be read."""

from engine.fleet import WORKSPACES_NOTED_MAX, Figures, Fleet
from engine.limits import ABOUT_BYTES_MAX


def worker(agents: dict[str, int], watched: tuple[str, ...] = ()) -> Fleet:
    made = Fleet()
    made.agents_here = lambda: agents
    made.watched_here = lambda: watched
    made.figures_here = lambda _: Figures(2, 1.5)
    return made


def test_who_is_alone_hears_of_nobody() -> None:
    alone = worker({"w": 3}, ("w",))
    assert alone.agents_elsewhere("w") == 0
    assert alone.watched_elsewhere == frozenset()
    assert alone.figures_elsewhere("w") == Figures()


def test_what_the_others_say_is_summed() -> None:
    fleet = Fleet()
    fleet.learn([worker({"w": 3}, ("w",)).about(), worker({"w": 4, "v": 1}).about()])
    assert (fleet.agents_elsewhere("w"), fleet.agents_elsewhere("v")) == (7, 1)
    assert fleet.watched_elsewhere == {"w"}
    assert fleet.figures_elsewhere("w") == Figures(4, 3.0)


def test_who_is_heard_no_more_counts_no_more() -> None:
    fleet, changes = Fleet(), list[int]()
    fleet.on_change = lambda: changes.append(fleet.agents_elsewhere("w"))
    fleet.learn([worker({"w": 3}).about()])
    fleet.learn([])
    assert changes == [3, 0]


def test_words_of_another_version_say_nothing() -> None:
    fleet = Fleet()
    fleet.learn([b"\xc1", b"", worker({"w": 1}).about()])
    assert fleet.agents_elsewhere("w") == 1


def test_figures_of_what_another_worker_watches_are_told() -> None:
    here, there = worker({}), worker({}, ("w",))
    here.learn([there.about()])
    there.learn([here.about()])
    assert there.figures_elsewhere("w") == Figures(2, 1.5)


def test_a_worker_with_too_many_workspaces_leaves_out_those_that_nobody_watches() -> None:
    names = [f"ws_{number:0>60}" for number in range(WORKSPACES_NOTED_MAX + 50)]
    many = worker(dict.fromkeys(names, 1), (names[-1],))
    about = many.about()
    fleet = Fleet()
    fleet.learn([about])
    assert fleet.watched_elsewhere == {names[-1]}
    assert sum(fleet.agents_elsewhere(name) for name in names) == WORKSPACES_NOTED_MAX
    assert len(about) <= ABOUT_BYTES_MAX
