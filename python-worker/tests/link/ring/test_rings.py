"""A ring of records in memory that two sides share."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from absgd_worker.link.ring.layout import HEAD, MAGIC, NAMES_START, SIZE, UP_START, Kind, Word
from absgd_worker.link.ring.memory import create_memory, open_memory, private_memory
from absgd_worker.link.ring.names import NamesReader, NamesWriter
from absgd_worker.link.ring.rings import RingReader, RingWriter, words_of

RING = 1 << 16


def both_ends(memory):
    ends = (memory, UP_START, RING, Word.UP_HEAD, Word.UP_TAIL)
    return RingWriter(*ends), RingReader(*ends)


def write(memory, writer, number, payload):
    place = writer.reserve(len(payload))
    if place is None:
        return False
    memory.view[place : place + len(payload)] = payload
    writer.commit(place, len(payload), Kind.PLAIN, number % 7)
    assert writer.last == number
    return True


@pytest.mark.parametrize("seed", range(10))
def test_what_is_written_is_read_whole_and_in_order_whatever_the_sizes(seed):
    drawn = random.Random(seed)
    memory = private_memory(SIZE)
    writer, reader = both_ends(memory)
    written, read, unread_end = 0, 0, 0
    for _ in range(3000):
        payload = bytes([written % 251]) * drawn.choice((0, 1, 7, 8, 100, 3000, 16000))
        if drawn.random() < 0.6:
            written += write(memory, writer, written + 1, payload)
        else:
            record = reader.next()
            if record is None:
                assert read == written
                continue
            read += 1
            assert (record.number, record.schema) == (read, read % 7)
            assert set(record.payload) <= {(read - 1) % 251}
            unread_end = record.end
            if drawn.random() < 0.5:
                reader.give_back(unread_end)
    assert read > 500


def test_without_room_nothing_is_written_and_what_is_there_stays():
    memory = private_memory(SIZE)
    writer, reader = both_ends(memory)
    count = 0
    while write(memory, writer, count + 1, b"x" * 1000):
        count += 1
    assert count == RING // (HEAD.size + 1000)
    seen = [reader.next() for _ in range(count)]
    assert [record.number for record in seen if record] == list(range(1, count + 1))
    assert reader.next() is None
    assert seen[0] is not None
    reader.give_back(seen[0].end)
    assert write(memory, writer, count + 1, b"y" * 1000)


@pytest.mark.parametrize("place", ["length", "crc", "number", "payload"])
def test_a_record_that_is_announced_before_it_is_whole_is_not_read_until_it_is(place):
    memory = private_memory(SIZE)
    writer, reader = both_ends(memory)
    assert write(memory, writer, 1, b"payload!")
    offset = UP_START + {"length": 0, "crc": 4, "number": 8, "payload": HEAD.size}[place]
    before = memory.view[offset]
    memory.view[offset] = before ^ 1
    assert reader.next() is None
    memory.view[offset] = before
    record = reader.next()
    assert record is not None
    assert bytes(record.payload) == b"payload!"


def test_a_reservation_that_is_not_committed_leaves_no_trace():
    memory = private_memory(SIZE)
    writer, reader = both_ends(memory)
    assert writer.reserve(5000) is not None
    assert write(memory, writer, 1, b"one")
    record = reader.next()
    assert record is not None
    assert bytes(record.payload) == b"one"


def test_a_reader_that_comes_later_begins_where_the_one_before_has_given_back():
    memory = private_memory(SIZE)
    writer, first = both_ends(memory)
    for number in range(1, 6):
        assert write(memory, writer, number, b"a" * 50)
    assert first.next() is not None
    second = first.next()
    assert second is not None
    first.give_back(second.end)
    assert first.next() is not None
    _, later = both_ends(memory)
    numbers = []
    while (record := later.next()) is not None:
        numbers.append(record.number)
    assert numbers == [3, 4, 5]


def test_a_file_of_memory_is_seen_by_who_maps_it_and_is_gone_when_it_is_unlinked():
    memory = create_memory(SIZE)
    assert memory.path is not None
    words_of(memory)[Word.MAGIC] = MAGIC
    assert memory.path.stat().st_mode & 0o777 == 0o600
    # Allocated for real: a page that finds no room later would kill the process.
    assert memory.path.stat().st_blocks * 512 >= SIZE
    other = open_memory(memory.path)
    assert words_of(other)[Word.MAGIC] == MAGIC
    memory.unlink()
    assert not memory.path.exists()
    words_of(memory)[Word.MAGIC] = 5
    assert words_of(other)[Word.MAGIC] == 5


def test_memory_that_is_given_back_reads_as_zeros_and_takes_no_room():
    memory = create_memory(SIZE)
    memory.unlink()
    memory.view[:] = b"x" * SIZE

    def resident() -> int:
        status = Path("/proc/self/status").read_text()
        return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    before = resident()
    memory.release()
    assert before - resident() > SIZE // 1024 * 0.9
    assert memory.view[5] == 0
    memory.view[5] = 1


def test_names_are_numbered_and_read_while_they_are_added_until_the_table_is_full():
    memory = private_memory(SIZE)
    writer, reader = NamesWriter(memory), NamesReader(memory)
    assert reader.get(0) is None
    assert writer.add(b"order") == 0
    assert reader.get(0) == b"order"
    count = 1
    while writer.add(b"x" * 5000) is not None:
        count += 1
    assert reader.get(count - 1) == b"x" * 5000
    assert reader.get(count) is None
    assert count < (UP_START - NAMES_START) // 5000
    assert NamesReader(memory).get(0) == b"order"
