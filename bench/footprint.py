"""What the stack takes by standing there: seconds to start and memory, as `Stack.memory` sees it (PSS)."""

import statistics

from figures import Figure, listed


def start_figure(seconds: list[float]) -> Figure:
    meaning = f"from nothing running to all ready, data there already; runs: {listed(seconds, digits=1)}"
    return Figure("cold_start_s", statistics.median(seconds), meaning, {"seconds": seconds})


def memory_figures(idle: dict[str, float], after: dict[str, float]) -> list[Figure]:
    """The sum first, then each process; the bar is for the stack that was started and has done nothing."""
    whole, worked = sum(idle.values()), sum(after.values())
    rows = [
        Figure(
            "idle_memory_mb",
            whole,
            "all processes, shared pages counted once; started, idle, before any work",
            {"idle_mb": [whole], "after_work_mb": [worked]},
        ),
        Figure("memory_after_work_mb", worked, "the same stack, idle again after all of the work above"),
    ]
    for name in sorted(idle, key=lambda each: -idle[each]):
        mb = {"idle_mb": [idle[name]], "after_work_mb": [after.get(name, 0.0)]}
        rows.append(Figure(f"  {name}", idle[name], f"MB idle; {after.get(name, 0.0):.0f} after work", mb))
    return rows
