#!/usr/bin/env python3
"""The figures of the GPU road, each beside the same work through stock elements in the same run. Standard library only.

    gpu_figures.py (--programs DIR | --build DIR) [--quick] [--json FILE] [NAME...]

NAME: kernels (draws, converts and uploads inside the engine: gpu_bench), chains (what elements hand on, from picture to sink),
latency (an intent until its frame has left the encoder, the whole server). --programs: the bin/ folder of a bundle.
"""
from __future__ import annotations

import argparse
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import soak  # noqa: E402
from wire_client import PixelChannel, Server, StateChannel  # noqa: E402

SIZES = {"1080p": (1920, 1080), "4K": (3840, 2160)}
ERROR_LINES = 3
KERNELS_S_MAX = 400

OURS_CPU = "naparicudaconvert ! video/x-raw,format=NV12"
X264 = "x264enc tune=zerolatency speed-preset=superfast bitrate=12000"
CUDA = "video/x-raw(memory:CUDAMemory)"
# (work, what does it, chain from the source's caps on). {data}: a volume; {size}: fields of the caps; {caps}: in whatever memory the source prefers.
CHAINS = [
    ("picture to NV12 in CPU memory", "naparieglsrc ! naparicudaconvert", "naparieglsrc location={data} ndisplay=3 mode=continuous ! {caps} ! " + OURS_CPU),
    ("picture to NV12 in CPU memory", "gltestsrc ! gldownload ! videoconvert",
     "gltestsrc is-live=true ! video/x-raw(memory:GLMemory),format=RGBA,{size} ! gldownload ! videoconvert ! video/x-raw,format=NV12"),
    ("picture to NV12 in CPU memory", "gltestsrc ! glcolorconvert ! gldownload",
     "gltestsrc is-live=true ! video/x-raw(memory:GLMemory),format=RGBA,{size} ! glcolorconvert ! video/x-raw(memory:GLMemory),format=NV12 ! gldownload"),
    ("picture to NV12 in CUDA memory", "naparieglsrc ! naparicudaconvert",
     "naparieglsrc location={data} ndisplay=3 mode=continuous ! " + CUDA + ",format=RGBA,{size} ! naparicudaconvert ! " + CUDA + ",format=NV12"),
    ("picture to NV12 in CUDA memory", "gltestsrc ! gldownload ! videoconvert ! cudaupload",
     "gltestsrc is-live=true ! video/x-raw(memory:GLMemory),format=RGBA,{size} ! gldownload ! videoconvert ! video/x-raw,format=NV12 ! cudaupload"),
    ("picture to NV12 in CUDA memory", "gltestsrc ! cudaupload ! cudaconvert",
     "gltestsrc is-live=true ! video/x-raw(memory:GLMemory),format=RGBA,{size} ! cudaupload ! cudaconvert ! " + CUDA + ",format=NV12"),
    ("picture to H.264", "naparieglsrc ! naparicudaconvert ! x264enc",
     "naparieglsrc location={data} ndisplay=3 mode=continuous ! {caps} ! " + OURS_CPU + " ! " + X264),
    ("picture to H.264", "gltestsrc ! gldownload ! videoconvert ! x264enc",
     "gltestsrc is-live=true ! video/x-raw(memory:GLMemory),format=RGBA,{size} ! gldownload ! videoconvert ! video/x-raw,format=NV12 ! " + X264),
]


class Programs:
    """Where the programs are, and what they need in their environment."""

    def __init__(self, programs: pathlib.Path | None, build: pathlib.Path | None) -> None:
        self.environment = dict(os.environ)
        if programs is not None:
            self.server, self.bench, self.launch = (programs / name for name in ("napari-cuda-server", "gpu_bench", "gst-launch-1.0"))
        else:
            self.server, self.bench, self.launch = build / "napari-cuda-server", build / "tools/bench/gpu_bench", pathlib.Path("gst-launch-1.0")
            self.environment["GST_PLUGIN_PATH"] = str(build / "gst-elements")
        # The only setting with which GStreamer's own GL runs without a display.
        self.environment.update(GST_GL_PLATFORM="egl", GST_GL_WINDOW=self.environment.get("GST_GL_WINDOW", "egl-device"))


def statistics_of(values: list[float]) -> dict:
    ordered = sorted(values)
    at = lambda q: round(ordered[min(len(ordered) - 1, int(q * len(ordered)))], 3)
    return {"p50": at(0.50), "p95": at(0.95), "n": len(ordered)}


def reason_of(text: str) -> str:
    """What a program said when it failed, in a line."""
    lines = [line.strip() for line in text.splitlines() if re.match(r"\s*(ERROR|WARNING: erroneous|error)", line)] or text.strip().splitlines()[-1:]
    return " / ".join(lines[:ERROR_LINES])[:400]


def kernels(programs: Programs, quick: bool, scratch: pathlib.Path) -> list[dict]:
    if not programs.bench.exists():
        return [{"what": "kernels", "skipped": f"{programs.bench} is not there"}]
    lines = scratch / "gpu_bench.jsonl"
    try:
        done = subprocess.run([programs.bench, "--json", lines, *(["--quick"] if quick else [])], text=True, capture_output=True, check=False,
                              env=programs.environment, cwd=scratch, timeout=KERNELS_S_MAX)
    except subprocess.TimeoutExpired:
        return [{"what": "kernels", "skipped": f"did not end within {KERNELS_S_MAX} s"}]
    rows = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    if done.returncode != 0 or not rows:
        rows.append({"what": "kernels", "skipped": f"exit status {done.returncode}: {reason_of(done.stderr + done.stdout)}"})
    return rows


def chain_row(programs: Programs, chain: str, buffers: int) -> dict:
    """Time from the source's pad to the sink, of each buffer, as GStreamer's own latency tracer sees it."""
    environment = {**programs.environment, "GST_TRACERS": "latency(flags=pipeline)", "GST_DEBUG": "GST_TRACER:7", "GST_DEBUG_NO_COLOR": "1"}
    source, rest = chain.split(" ", 1)
    command = f"{programs.launch} -q {source} num-buffers={buffers} {rest} ! fakesink sync=false".split()
    try:
        done = subprocess.run(command, text=True, capture_output=True, check=False, env=environment, timeout=180)
    except subprocess.TimeoutExpired:
        return {"skipped": "did not end within 180 s"}
    took = [int(ns) / 1e6 for ns in re.findall(r"latency, src-element-id=.*sink-element=\(string\)fakesink.* time=\(guint64\)(\d+)", done.stderr)]
    warm = took[len(took) // 4:]  # the first ones open encoders and fill pools
    if done.returncode != 0 or len(warm) < buffers // 2:
        trouble = "\n".join(line for line in (done.stderr + done.stdout).splitlines() if "GST_TRACER" not in line)
        return {"skipped": reason_of(trouble) or f"exit status {done.returncode}, {len(took)} buffers"}
    return {"ms": statistics_of(warm)}


def chains(programs: Programs, quick: bool, scratch: pathlib.Path) -> list[dict]:
    data, rows = volume(programs, scratch, 256), []
    for name, (width, height) in SIZES.items():
        size = f"width={width},height={height},framerate=60/1"
        names = {"data": data, "size": size, "caps": f"video/x-raw(ANY),format=RGBA,{size}"}
        for work, who, chain in CHAINS:
            text = chain
            for key, value in names.items():
                text = text.replace("{" + key + "}", str(value))
            rows.append({"what": work, "size": name, "with": who, **chain_row(programs, text, 60 if quick else 300)})
    return rows


def volume(programs: Programs, scratch: pathlib.Path, edge: int) -> pathlib.Path:
    made = scratch / f"blobs{edge}.ome.zarr"
    return made if made.exists() else soak.make_data(programs.server, scratch, edge)


def measure(server: Server, count: int, intent_of, pause_s) -> dict:
    """Both ends read the same monotonic clock."""
    state, viewer = StateChannel(server.port, server.token), PixelChannel(server.port, server.token)
    viewer.wait(lambda: viewer.received, "first frame")
    viewer.quiet()
    taken: dict[str, list[float]] = {"intent_to_ack": [], "intent_to_encoded": [], "intent_to_received": [], "draw": [], "convert_and_encode": []}
    for number in range(-10, count):  # the first are warm-up
        start = time.monotonic_ns()
        ack, acked = state.ack(state.send_intent(*intent_of(number)))
        frame = viewer.shows(ack["scene_version"])
        if number >= 0:
            for name, begin, end in (("intent_to_ack", start, acked), ("intent_to_encoded", start, frame.encoded_ns),
                                     ("intent_to_received", start, frame.arrived_ns), ("draw", frame.render_start_ns, frame.render_end_ns),
                                     ("convert_and_encode", frame.render_end_ns, frame.encoded_ns)):
                taken[name].append((end - begin) / 1e6)
        pause_s(viewer)
    faults = viewer.faults
    viewer.close()
    state.close()
    return {**{f"{name}_ms": statistics_of(values) for name, values in taken.items()}, "faults": faults}


def latency(programs: Programs, quick: bool, scratch: pathlib.Path) -> list[dict]:
    edge = 256 if quick else 512
    data, rows, chance = volume(programs, scratch, edge), [], random.Random(3)
    pan = lambda n: ("camera", "main", "pan", {"dx_px": 3 if n % 40 < 20 else -3, "dy_px": 1})
    slices = lambda n: ("dims", "z", "index", edge // 4 + n % (edge // 2))
    orbit = lambda n: ("camera", "main", "orbit", {"d_az_deg": 2, "d_el_deg": 0})
    # From rest: the frame clock stands still, so that the figure is the work. Moving: an intent 1 to 20 ms after the frame before it.
    rest = lambda viewer: viewer.quiet(0.1)
    moving = lambda viewer: time.sleep(chance.uniform(0.001, 0.020))
    for name, intent, options in (("pan", pan, ()), ("slices", slices, ()), ("orbit", orbit, ("--ndisplay", 3))):
        for how, pause, fps, count in (("from rest", rest, 60, 15 if quick else 60), ("moving, 60 fps", moving, 60, 60 if quick else 300),
                                       ("moving, 240 fps", moving, 240, 60 if quick else 300)):
            row = {"what": f"latency: {name}, {how}", "size": "1080p", "volume": edge, "encoder": "x264", "goal": "intent_to_encoded p50 <= 8 ms on 16 cores"}
            try:
                with Server(programs.server, data, "--width", 1920, "--height", 1080, "--encoder", "x264", "--fps", fps, *options) as server:
                    rows.append({**row, "draws": server.draws, **measure(server, count, intent, pause)})
            except (RuntimeError, TimeoutError, ConnectionError) as error:
                rows.append({**row, "skipped": str(error)[:400]})
    return rows


FIGURES = {"kernels": kernels, "chains": chains, "latency": latency}


def machine(programs: Programs) -> dict:
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?")
    doctor = subprocess.run([programs.server, "doctor"], text=True, capture_output=True, check=False, env=programs.environment).stdout.splitlines()
    return {"cpu": f"{model}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}",
            "gpu": [line.removeprefix("gpu ") for line in doctor if line.startswith("gpu")], "road": doctor[-2:],
            "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--programs", type=pathlib.Path)
    where.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, a smaller volume")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    names = options.names or list(FIGURES)
    if unknown := set(names) - set(FIGURES):
        parser.error(f"no such figures: {', '.join(sorted(unknown))} (there are {', '.join(FIGURES)})")
    programs = Programs(options.programs and options.programs.resolve(), options.build and options.build.resolve())
    report = {"machine": machine(programs), "results": []}
    print(json.dumps(report["machine"], indent=1))
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            for row in FIGURES[name](programs, options.quick, pathlib.Path(scratch)):
                report["results"].append({"figures": name, **row})
                print("  ".join(f"{key}={value}" for key, value in row.items()), flush=True)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
