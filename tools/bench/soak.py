#!/usr/bin/env python3
"""Minutes of scripted interaction with the whole server: both channels, every kind of intent, viewers that come and go.

    soak.py --server PROGRAM [--minutes 5] [--data ZARR] [--json FILE] [OPTION OF serve...]

Fails on: an intent that is not accepted, an intent whose picture does not come, a frame that breaks docs/protocol.md, a line of the
server's log that is an error, an exit status other than 0, memory or GPU memory that keeps growing. Ends with one line:
`soak ok|FAIL: ...`. Standard library only. Without --data a volume is made and converted.
"""
from __future__ import annotations

import argparse
import array
import itertools
import json
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from wire_client import PixelChannel, Server, StateChannel  # noqa: E402

GROWTH_FACTOR_MAX, GROWTH_BYTES_MAX = 1.10, 64 << 20
PICTURE_S_MAX = 5.0


def write_volume(path: pathlib.Path, edge: int = 512, seed: int = 7) -> None:
    """A NIfTI file of blobs, u16, edge³: values of a coarse grid, each repeated, so that the standard library makes it in seconds."""
    coarse, repeat = 64, edge // 64
    chance = random.Random(seed)
    blobs = [([chance.uniform(8, 56) for _ in range(3)], chance.uniform(3, 9), chance.uniform(8000, 60000)) for _ in range(24)]
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, edge, edge, edge, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 512, 16)  # unsigned 16 bit
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<ff", header, 108, 352, 1)  # where the voxels begin; slope
    header[123] = 2  # millimetres
    header[344:348] = b"n+1\0"
    with path.open("wb") as file:
        file.write(header)
        for z in range(coarse):
            rows = []
            for y in range(coarse):
                row = array.array("H", bytes(2 * edge))
                near = [(cx, r * r - (z - cz) ** 2 - (y - cy) ** 2, v) for (cx, cy, cz), r, v in blobs if (z - cz) ** 2 + (y - cy) ** 2 < r * r]
                for x in range(coarse):
                    value = max((int(v * (left - (x - cx) ** 2) / left) for cx, left, v in near if (x - cx) ** 2 < left), default=0)
                    if value:
                        row[x * repeat:(x + 1) * repeat] = array.array("H", [value] * repeat)
                rows.append(row.tobytes() * repeat)
            file.write(b"".join(rows) * repeat)


def make_data(server: pathlib.Path, folder: pathlib.Path, edge: int = 512) -> pathlib.Path:
    nifti, zarr = folder / f"blobs{edge}.nii", folder / f"blobs{edge}.ome.zarr"
    write_volume(nifti, edge)
    subprocess.run([server, "convert", nifti, zarr, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    nifti.unlink()
    return zarr


def gpu_memory_bytes() -> int | None:
    """What is taken of the GPUs' memory, by everybody: a container does not see which process takes it."""
    try:
        done = subprocess.run(["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"], text=True, capture_output=True, timeout=20,
                              check=True)
        return sum(int(line) for line in done.stdout.split()) << 20
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


class Samples(threading.Thread):
    """The server's memory and the GPU's, each second, until `stop`."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.server, self.done = server, threading.Event()
        self.rss: list[int] = []
        self.vram: list[int] = []

    def run(self) -> None:
        while not self.done.is_set():
            self.rss.append(self.server.rss_bytes())
            if (taken := gpu_memory_bytes()) is not None:
                self.vram.append(taken)
            self.done.wait(1)

    def stop(self) -> None:
        self.done.set()
        self.join(30)

    @staticmethod
    def growth(samples: list[int]) -> str | None:
        """Whether the last third lies above the second one: the first fills caches."""
        third = len(samples) // 3
        if third == 0:
            return None
        before, after = statistics.median(samples[third:2 * third]), max(samples[2 * third:])
        grew = after > before * GROWTH_FACTOR_MAX and after > before + GROWTH_BYTES_MAX
        return f"{before / 2**20:.0f} -> {after / 2**20:.0f} MiB" if grew else None


def script(seed: int, slices: int, layer: str):
    """Intents without end: bursts of one kind, as a hand makes them. (intent, burst length, pause in s)"""
    chance = random.Random(seed)
    view = lambda n: ("view", "main", "ndisplay", n)
    yield view(2), 1, 0.5
    for three_d in itertools.cycle((False, True)):
        yield view(3 if three_d else 2), 1, 0.3
        for _ in range(12):
            pick = chance.randrange(9)
            if pick <= 1:
                yield ("camera", "main", "pan", {"dx_px": chance.uniform(-8, 8), "dy_px": chance.uniform(-8, 8)}), 30, 1 / 60
            elif pick <= 3 and three_d:
                yield ("camera", "main", "orbit", {"d_az_deg": chance.uniform(-4, 4), "d_el_deg": chance.uniform(-2, 2)}), 60, 1 / 60
            elif pick <= 3:
                yield ("dims", "z", "step", chance.randrange(-2, 3)), 30, 1 / 30
            elif pick == 4:
                yield ("camera", "main", "zoom", {"factor": chance.uniform(0.9, 1.1), "anchor_px": [200, 200]}), 10, 1 / 60
            elif pick == 5:
                low = chance.uniform(0, 5000)
                yield ("layer", layer, "contrast_limits", [low, low + chance.uniform(10000, 50000)]), 1, 0.1
            elif pick == 6:
                yield ("layer", layer, "colormap", chance.choice(["gray", "viridis", "magma"])), 1, 0.1
            elif pick == 7:
                yield ("layer", layer, "interpolation", chance.choice(["nearest", "linear"])), 1, 0.1
            else:
                yield ("dims", "z", "index", chance.randrange(slices)), 1, 0.7  # long enough to settle
        yield ("camera", "main", "reset", {"reason": "soak"}), 1, 0.2


class Soak:
    def __init__(self, server: Server, minutes: float) -> None:
        self.server, self.seconds = server, minutes * 60
        self.faults: list[str] = []
        self.intents, self.frames, self.bytes, self.viewers = 0, 0, 0, 0
        self.ack_ms: list[float] = []
        self.frame_ms: list[float] = []

    def fault(self, text: str) -> None:
        if len(self.faults) < 50:
            self.faults.append(text)

    def viewer(self) -> PixelChannel:
        viewer = PixelChannel(self.server.port, self.server.token)
        viewer.wait(lambda: viewer.received, "first frame")
        self.viewers += 1
        return viewer

    def leave(self, viewer: PixelChannel) -> None:
        if viewer.ended is not None:
            self.fault(f"a viewer was cut off: {viewer.ended}")
        for fault in viewer.faults:
            self.fault(fault)
        self.frames, self.bytes = self.frames + viewer.received, self.bytes + viewer.bytes
        viewer.close()

    def burst(self, state: StateChannel, viewer: PixelChannel, intent, count: int, pause_s: float) -> None:
        pending = []
        for _ in range(count):
            pending.append((state.send_intent(*intent), time.monotonic_ns()))
            self.intents += 1
            time.sleep(pause_s)
        version = 0
        for intent_id, sent_ns in pending:
            ack, arrived_ns = state.ack(intent_id)
            self.ack_ms.append((arrived_ns - sent_ns) / 1e6)
            if ack.get("status") != "accepted":
                self.fault(f"{intent} was answered {ack}")
            version = ack.get("scene_version", version)
        frame = viewer.shows(version, PICTURE_S_MAX)
        self.frame_ms.append(max(0.0, (frame.arrived_ns - pending[-1][1]) / 1e6))

    def run(self) -> None:
        state, viewer, other = StateChannel(self.server.port, self.server.token), self.viewer(), None
        dims = state.newest["notify.dims"]["payload"]
        layer = state.newest["notify.layers"]["payload"]["layer_id"]
        slices = max(1, int(dims.get("level_shapes", [[64]])[0][0]))
        end, turn = time.monotonic() + self.seconds, 0
        for intent, count, pause_s in script(11, slices, layer):
            if time.monotonic() > end:
                break
            try:
                self.burst(state, viewer, intent, count, pause_s)
            except TimeoutError as error:
                self.fault(f"after {intent}: {error}")
                if state.ended is not None or self.server.process.poll() is not None:
                    break
            turn += 1
            if turn % 25 == 0:
                state.command("napari.pixel.request_keyframe")
            if turn % 20 == 0:
                self.leave(viewer)
                viewer = self.viewer()
            if turn % 15 == 0 and other is None:
                other = self.viewer()
            elif turn % 15 == 7 and other is not None:
                self.leave(other)
                other = None
        for channel in filter(None, (viewer, other)):
            self.leave(channel)
        if state.ended is not None:
            self.fault(f"the state channel ended: {state.ended}")
        state.close()


def percentile(values: list[float], q: float) -> float:
    ordered = sorted(values) or [0.0]
    return round(ordered[min(len(ordered) - 1, int(q * len(ordered)))], 2)


def soak(program: pathlib.Path, data: pathlib.Path, minutes: float, options: list[str]) -> dict:
    with Server(program, data, *options) as server:
        run, samples, start = Soak(server, minutes), Samples(server), time.monotonic()
        samples.start()
        try:
            run.run()
        except (TimeoutError, ConnectionError, OSError) as error:
            run.fault(str(error))
        seconds = time.monotonic() - start
        samples.stop()
        metrics = {}
        try:
            metrics = server.metrics() if server.process.poll() is None else {}
        except OSError as error:
            run.fault(f"/metrics: {error}")
        status = server.stop()
    rss = samples.rss or [0]
    errors = [line.strip() for line in server.log if line.startswith(("error", "warning")) and "GLib-" not in line]
    run.faults += [f"log: {line}" for line in errors[:10]]
    if status != 0:
        run.fault(f"exit status {status}")
    for what, values in (("memory", samples.rss), ("GPU memory", samples.vram)):
        if grew := Samples.growth(values):
            run.fault(f"{what} keeps growing: {grew}")
    return {"ok": not run.faults, "faults": run.faults, "seconds": round(seconds, 1), "draws": server.draws, "intents": run.intents,
            "frames": run.frames, "bytes": run.bytes, "viewers": run.viewers,
            "intent_to_ack_ms": {"p50": percentile(run.ack_ms, .5), "p95": percentile(run.ack_ms, .95)},
            "intent_to_frame_ms": {"p50": percentile(run.frame_ms, .5), "p95": percentile(run.frame_ms, .95)},
            "rss_mib": {"first": rss[0] >> 20, "max": max(rss) >> 20, "last": rss[-1] >> 20},
            "vram_mib": {"max": max(samples.vram) >> 20, "last": samples.vram[-1] >> 20} if samples.vram else None,
            "metrics": {k: v for k, v in metrics.items() if "vram" in k or "failed" in k or "dropped" in k or "encode_ms" in k or "render_ms" in k}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options, serve_options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = options.data or make_data(options.server, pathlib.Path(scratch))
        result = soak(options.server, data, options.minutes, serve_options)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    for fault in result["faults"]:
        print(f"  {fault}")
    vram = f", GPU memory max {result['vram_mib']['max']} MiB" if result["vram_mib"] else ""
    print(f"soak {'ok' if result['ok'] else 'FAIL'}: {result['seconds']} s, {result['intents']} intents (ack p50/p95 "
          f"{result['intent_to_ack_ms']['p50']}/{result['intent_to_ack_ms']['p95']} ms), {result['frames']} frames to {result['viewers']} viewers, "
          f"RSS {result['rss_mib']['first']} -> {result['rss_mib']['last']} MiB (max {result['rss_mib']['max']}){vram}; draws {result['draws']}")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
