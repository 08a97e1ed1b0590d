"""Schedules as text: the value of a control at every step. Pure: no torch, no clock.

The same grammar and the same bits as `src/schedule/` in TypeScript.
"""

from absgd_worker.schedules.describe import describe_schedule, write_schedule
from absgd_worker.schedules.errors import ScheduleError
from absgd_worker.schedules.leaves import check_control, constant_value, is_ever_on, uses_epochs
from absgd_worker.schedules.numbers import format_number
from absgd_worker.schedules.parse import parse_schedule
from absgd_worker.schedules.shapes import Source
from absgd_worker.schedules.values import compile_schedule

__all__ = [
    "ScheduleError",
    "Source",
    "check_control",
    "compile_schedule",
    "constant_value",
    "describe_schedule",
    "format_number",
    "is_ever_on",
    "parse_schedule",
    "uses_epochs",
    "write_schedule",
]
