"""Which row a step gets."""

from __future__ import annotations

from array import array

from absgd_worker.link.plan_table import PlanTable, Row
from absgd_worker.link.wire.messages import EventKind, Plan


def plan(seq, first, count, lr, *, attempt=1, run_steps=0, events=()):
    values = array("d", lr if isinstance(lr, list) else [lr])
    return Plan(1, seq, attempt, first, count, {"lr": values}, events, run_steps)


def table(*plans, step=0):
    made = PlanTable()
    made.begin_attempt(1, step)
    for each in plans:
        made.add(each)
    return made


def lrs(made, steps):
    return [row.controls["lr"] if (row := made.take(step)) else None for step in steps]


def test_a_column_of_one_value_holds_for_every_row_and_a_longer_one_gives_each_row_its_own():
    made = table(Plan(1, 1, 1, 4, 3, {"lr": array("d", [1.0, 2.0, 3.0]), "gamma": array("d", [0.9])}))
    assert [made.take(step) for step in (4, 5, 6)] == [
        Row({"lr": 1.0, "gamma": 0.9}, ()),
        Row({"lr": 2.0, "gamma": 0.9}, ()),
        Row({"lr": 3.0, "gamma": 0.9}, ()),
    ]


def test_steps_with_the_same_controls_and_no_events_share_a_row():
    made = table(plan(1, 0, 5, 1.0, events=((2, EventKind.EVALUATE),)))
    rows = [row for step in range(5) if (row := made.take(step))]
    assert [row.events for row in rows] == [(), (), (EventKind.EVALUATE,), (), ()]
    assert rows[0] is rows[1] is rows[3] is rows[4]
    assert rows[2].controls == rows[0].controls


def test_a_step_outside_every_plan_has_no_row():
    made = table(plan(1, 2, 3, 1.0))
    assert lrs(made, [0, 1, 2, 4, 5]) == [None, None, 1.0, 1.0, None]


def test_the_plan_with_the_highest_sequence_counts_whatever_came_first():
    assert lrs(table(plan(2, 0, 4, 2.0), plan(1, 0, 8, 1.0)), range(9)) == [2.0] * 4 + [1.0] * 4 + [None]


def test_a_plan_inside_an_earlier_one_replaces_its_middle_alone():
    assert lrs(table(plan(1, 0, 9, 1.0), plan(2, 3, 2, 2.0)), range(10)) == [1.0] * 3 + [2.0] * 2 + [
        1.0
    ] * 4 + [None]


def test_a_plan_takes_effect_at_the_first_step_that_has_not_begun():
    made = table(plan(1, 0, 9, 1.0))
    assert lrs(made, [0, 1]) == [1.0, 1.0]
    assert made.add(plan(2, 0, 9, 2.0)) == 2
    assert made.add(plan(3, 5, 1, 3.0)) == 5
    assert lrs(made, range(2, 7)) == [2.0, 2.0, 2.0, 3.0, 2.0]


def test_a_plan_of_another_attempt_is_dropped_and_one_of_this_attempt_survives_its_beginning():
    made = table(plan(1, 0, 9, 1.0))
    assert made.add(plan(2, 0, 9, 2.0, attempt=2)) is None
    made.begin_attempt(1, 3)
    assert lrs(made, [3]) == [1.0]
    made.begin_attempt(2, 3)
    assert lrs(made, [3]) == [None]


def test_events_come_with_the_row_that_counts_evaluation_first():
    events = [(1, EventKind.CHECKPOINT), (1, EventKind.EVALUATE)]
    made = table(plan(1, 0, 4, 1.0, events=[*events, (3, EventKind.EVALUATE)]), plan(2, 2, 2, 2.0))
    assert [row.events for step in range(4) if (row := made.take(step))] == [
        (),
        (EventKind.EVALUATE, EventKind.CHECKPOINT),
        (),
        (),
    ]


def test_the_run_is_over_where_the_latest_plan_says_so():
    made = table(plan(1, 0, 4, 1.0))
    assert not made.is_over(10**9)
    made.add(plan(3, 4, 4, 1.0, run_steps=8))
    made.add(plan(2, 4, 4, 1.0, run_steps=6))
    assert made.run_steps == 8
    assert (made.is_over(7), made.is_over(8)) == (False, True)


def test_a_run_that_is_over_needs_no_plan_to_say_so_and_a_new_attempt_does_not_make_it_longer():
    made = table()
    made.set_length(10)
    made.begin_attempt(2, 10)
    assert made.is_over(10)
    assert not made.is_over(9)


def test_planned_through_is_the_first_step_without_a_row():
    made = table(plan(1, 0, 4, 1.0), plan(2, 4, 4, 1.0), plan(3, 9, 4, 1.0))
    assert made.planned_through() == 8
    assert lrs(made, range(8)) == [1.0] * 8
    assert made.planned_through() == 8
    assert table(step=5).planned_through() == 5


def test_rows_that_were_used_are_forgotten():
    made = table()
    for seq in range(1, 2000):
        made.add(plan(seq, seq, 1, 1.0))
        assert made.take(seq) is not None
    assert len(made._segments) < 3
