"""``python -m tests.faults`` makes every fault and updates ``docs/doctor.md``."""

from tests.faults.matrix import write_page

write_page()
