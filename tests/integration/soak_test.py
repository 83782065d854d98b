"""tools/bench/soak.py on the real server for some seconds, and that what it looks for is found when it is there."""
import os
import pathlib
import struct
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools/bench"), str(ROOT / "tests")]
import soak  # noqa: E402
import wire_client  # noqa: E402
from _helpers import tap  # noqa: E402
from _helpers.server import BUILD, DEMO  # noqa: E402

MIB = 1 << 20


def frame(seq: int, keyframe: bool = True, nal_types=(7, 8, 5), times=(1, 2, 3, 4)) -> bytes:
    units = b"".join(struct.pack("!IB", 2, kind) + b"\0" for kind in nal_types)
    return struct.pack("!IdIIBBHQQQQQQ", seq, 1.0, 64, 64, 1, int(keyframe), 48, 1, 1, *times) + units


class Viewer(wire_client.PixelChannel):
    """Without a socket: what `take` makes of messages."""

    def __init__(self) -> None:
        self.frames, self.received, self.bytes, self.keyframes, self.faults = [], 0, 0, 0, []


class FindsFaults(unittest.TestCase):
    def faults_of(self, *messages: bytes) -> list[str]:
        viewer = Viewer()
        for message in messages:
            viewer.take(message, 10)
        return viewer.faults

    def test_a_good_stream_has_none(self):
        self.assertEqual(self.faults_of(frame(0), frame(1, False, (1,)), frame(2, False, (1, 1))), [])

    def test_each_breach_is_one(self):
        for messages in ([frame(0), frame(2)], [frame(0, False, (1,))], [frame(0, True, (5,))], [frame(0), frame(1, False, (5,))],
                         [frame(0, times=(1, 3, 2, 4))], [frame(0, times=(1, 2, 3, 11))], [frame(0, True, ())]):
            self.assertEqual(len(self.faults_of(*messages)), 1, messages)
        with self.assertRaises(ValueError):
            self.faults_of(frame(0)[:-1])

    def test_memory_that_grows_is_told_from_caches_that_fill(self):
        self.assertIsNone(soak.Samples.growth([100 * MIB * min(i, 30) // 30 for i in range(90)]))
        self.assertIsNone(soak.Samples.growth([500 * MIB] * 60 + [540 * MIB] * 30))
        self.assertIsNotNone(soak.Samples.growth([(500 + 10 * i) * MIB for i in range(90)]))


class Soak(unittest.TestCase):
    def test_soak_of_some_seconds(self):
        result = soak.soak(BUILD / "napari-cuda-server", DEMO, 0.15, ["--width", "640", "--height", "360"])
        self.assertEqual(result["faults"], [])
        self.assertGreater(result["intents"], 20)
        self.assertGreater(result["frames"], result["intents"] // 4)
        print(f"# evidence A3.3 here for {result['seconds']} s: {result['intents']} intents, {result['frames']} frames, no fault", flush=True)

    def test_soak_finds_a_server_that_dies(self):
        with tempfile.TemporaryDirectory() as scratch:
            # Kills what it has started after a while: the server is the shell's child.
            dying = pathlib.Path(scratch) / "dying"
            dying.write_text(f'#!/bin/sh\n"{BUILD}/napari-cuda-server" "$@" &\nserver=$!\nsleep 3\nkill -KILL $server\nexit 1\n')
            dying.chmod(0o755)
            result = soak.soak(dying, DEMO, 0.15, ["--width", "320", "--height", "180"])
        self.assertFalse(result["ok"])
        self.assertTrue(any("ended" in fault or "cut off" in fault or "closed" in fault for fault in result["faults"]), result["faults"])

    def test_makes_its_own_volume(self):
        with tempfile.TemporaryDirectory() as scratch:
            made = soak.make_data(BUILD / "napari-cuda-server", pathlib.Path(scratch), 128)
            self.assertTrue((made / ".zattrs").exists())
            self.assertEqual(sorted(os.listdir(scratch)), [made.name])


if __name__ == "__main__":
    tap.main()
