"""``python -m tests.faults`` makes every fault and writes ``docs/doctor.md`` anew."""

from tests.faults.matrix import write_page

write_page()
