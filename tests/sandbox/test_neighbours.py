"""Where the demo's neighbours listen."""

import os
from pathlib import Path

import pytest

from consentry.sandbox.neighbours import neighbours_of
from tests.flows.demo import listening_addresses


def _ports(places: tuple[str, ...]) -> list[int]:
    return [int(place.rpartition(":")[2]) for place in places]


def test_taken_ports_are_stepped_over_and_all_are_this_machines_alone(tmp_path: Path) -> None:
    with neighbours_of(tmp_path, any_port=False) as first, neighbours_of(tmp_path, any_port=False) as second:
        taken = _ports((*first.places.pages, first.places.smtp))
        stepped = _ports((*second.places.pages, second.places.smtp))
        assert len({*taken, *stepped}) == 8
        for port in (*taken, *stepped):
            assert listening_addresses(port) == {"0100007F"}
        sockets = [descriptor for one in (first, second) for run in one.companions for descriptor in run.keep]
    assert len(sockets) == 8
    for descriptor in sockets:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
