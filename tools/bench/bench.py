#!/usr/bin/env python3
"""The figures of docs/benchmarks.md, as a table and as JSON, each beside what it is compared with, in one run.

    bench.py --build DIR [--quick] [--builds] [NAME...]

NAME: draw, convert, latency, idle, start, builds (only with --builds, since it compiles everything). Machines are noisy: read the
ratios, and say which machine a figure is from.
"""
import argparse
import asyncio
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from _helpers.server import DEMO, Server  # noqa: E402
from _helpers.wire import PixelClient, StateClient  # noqa: E402


def percentiles(values: list[float]) -> dict:
    ordered = sorted(values)
    at = lambda q: ordered[min(len(ordered) - 1, int(q * len(ordered)))]
    return {"p50": round(at(0.50), 2), "p95": round(at(0.95), 2), "p99": round(at(0.99), 2), "n": len(ordered)}


def program_rows(path: pathlib.Path, *arguments) -> list[dict]:
    done = subprocess.run([path, *map(str, arguments)], text=True, capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def bench_draw(build, quick) -> list[dict]:
    """SIMD on synthetic data, then SIMD beside GL on llvmpipe on the demo: a slice at 1080p and projections from 270p to 1080p."""
    import zarr
    rows = program_rows(build / "tools/bench/draw_bench", 7 if quick else 31)
    demo = zarr.open(str(DEMO), "r")["0"][:]
    depth, height, width = demo.shape
    with tempfile.TemporaryDirectory() as folder:
        raw, out = pathlib.Path(folder) / "demo.raw", pathlib.Path(folder) / "out"
        demo.tofile(raw)
        common = ["--raw", raw, "--dtype", "uint8", "--shape", f"{depth},{height},{width}", "--out", out, "--contrast", "0,118"]
        works = [("demo slice linear", 1920, 1080, ["--mode", "plane", "--slice", depth // 2, "--center", f"{width / 2},{height / 2}",
                                                    "--world-per-px", height / 1080])]
        works += [("demo MIP linear", h * 16 // 9, h, ["--mode", "volume", "--center", f"{depth / 2},{height / 2},{width / 2}", "--azimuth", 30,
                                                       "--elevation", 30, "--world-per-px", 480 / h]) for h in (270, 540, 720, 1080)]
        for name, w, h, arguments in works:
            w += w % 2
            times = {}
            for backend, repeat in (("cpu", 9), ("gl", 3)):
                done = subprocess.run(list(map(str, [build / "tests/engine/draw_tool", *common, *arguments, "--canvas", f"{w}x{h}",
                                                     "--backend", backend, "--repeat", repeat])), text=True, capture_output=True, check=False)
                found = re.search(r'"?ms[_a-z0-9]*"?[: ]+([0-9.]+)', done.stdout)
                times[backend] = float(found[1]) if done.returncode == 0 and found else None
            row = {"what": name, "size": f"{w}x{h}", "simd_ms_p50": times["cpu"], "llvmpipe_ms_p50": times["gl"]}
            if all(times.values()):
                row["llvmpipe_over_simd"] = round(times["gl"] / times["cpu"], 1)
            rows.append(row)
    return rows


def bench_convert(build, quick) -> list[dict]:
    rows = program_rows(build / "tools/bench/convert_bench")
    stock = {tuple(r["size"]): r["ms_p50"] for r in rows if r["element"] == "videoconvert n-threads=2"}
    for row in rows:
        row["videoconvert_over_this"] = round(stock[tuple(row["size"])] / row["ms_p50"], 2)
    return rows


async def measure_latency(server, intents: int, make_intent) -> dict:
    state = await StateClient.connect(f"ws://127.0.0.1:{server.port}/ws/state", server.headers)
    await state.baseline()
    viewer = await PixelClient.connect(f"ws://127.0.0.1:{server.port}/ws/pixels", server.headers)
    await viewer.wait(lambda f: f.keyframe)
    await viewer.quiet(0.3)
    to_ack, to_frame = [], []
    for number in range(intents):
        start, seen = time.monotonic(), len(viewer.frames)
        ack = await state.intent(*make_intent(number))
        to_ack.append((time.monotonic() - start) * 1e3)
        await viewer.wait(lambda f: f.scene_version >= ack["scene_version"], start=seen)
        to_frame.append((time.monotonic() - start) * 1e3)  # the client decodes before it announces a frame
    result = {"intent_to_ack_ms": percentiles(to_ack), "intent_to_decoded_ms": percentiles(to_frame),
              "decode_errors": len(viewer.errors)}
    await state.close()
    await viewer.close()
    return result


def bench_latency(build, quick) -> list[dict]:
    count, rows = (60 if quick else 300), []
    pan = lambda n: ("camera", "main", "pan", {"dx_px": 3 if n % 40 < 20 else -3, "dy_px": 1})
    slices = lambda n: ("dims", "z", "index", 60 + n % 180)
    orbit = lambda n: ("camera", "main", "orbit", {"d_az_deg": 2, "d_el_deg": 0})
    for width, height in ((640, 480), (1280, 720), (1920, 1080)):
        for name, intent, options in (("pan", pan, ()), ("slices", slices, ()), ("orbit", orbit, ("--ndisplay", 3))):
            with Server(DEMO, "--width", width, "--height", height, "--frame-id", *options) as server:
                rows.append({"name": f"latency {name}", "size": [width, height], **asyncio.run(measure_latency(server, count, intent))})
    return rows


def bench_idle(build, quick) -> list[dict]:
    async def body(server):
        viewer = await PixelClient.connect(f"ws://127.0.0.1:{server.port}/ws/pixels", server.headers)
        await viewer.wait(lambda f: f.keyframe)
        await viewer.quiet(1.0)
        cpu, received, seconds = server.cpu_s(), viewer.bytes, 5 if quick else 20
        await asyncio.sleep(seconds)
        row = {"name": "idle", "cpu_percent": round((server.cpu_s() - cpu) / seconds * 100, 2), "bytes": viewer.bytes - received}
        await viewer.close()
        return row
    with Server(DEMO, "--width", 1920, "--height", 1080) as server:
        return [asyncio.run(body(server))]


def bench_start(build, quick) -> list[dict]:
    async def first_frame(server):
        viewer = await PixelClient.connect(f"ws://127.0.0.1:{server.port}/ws/pixels", server.headers)
        frame = await viewer.wait(lambda f: f.picture is not None)
        await viewer.close()
        return frame.arrived
    listening, first = [], []
    for _ in range(3 if quick else 10):
        with Server(DEMO, "--width", 1920, "--height", 1080) as server:
            listening.append(server.listening_s * 1e3)
            first.append((asyncio.run(first_frame(server)) - server.started) * 1e3)
    return [{"name": "start", "process_to_listening_ms": percentiles(listening), "process_to_first_decoded_frame_ms": percentiles(first)}]


def bench_builds(build, quick) -> list[dict]:
    def timed(*command, **options) -> float:
        start = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
        return round(time.monotonic() - start, 1)
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "CCACHE_DISABLE": "1"}
        subprocess.run(["meson", "setup", folder, str(ROOT), "-Dtests=disabled"], check=True, stdout=subprocess.DEVNULL)
        clean = timed("ninja", "-C", folder, env=env)
        os.utime(ROOT / "src/runtime/render_worker.cpp")
        one = timed("ninja", "-C", folder, env=env)
        nothing = timed("ninja", "-C", folder, env=env)
    return [{"name": "builds", "clean_s": clean, "one_source_s": one, "nothing_s": nothing}]


BENCHES = {"draw": bench_draw, "convert": bench_convert, "latency": bench_latency, "idle": bench_idle, "start": bench_start,
           "builds": bench_builds}


def machine() -> str:
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return f"{model}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--builds", action="store_true", help="also time a clean and an incremental build")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    names = options.names or [n for n in BENCHES if n != "builds" or options.builds]
    if unknown := set(names) - set(BENCHES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))} (there are {', '.join(BENCHES)})")
    build = (ROOT / options.build).resolve()
    print(f"machine: {machine()}")
    results = []
    for name in names:
        for row in BENCHES[name](build, options.quick):
            results.append(row)
            print("  ".join(f"{k}={v}" for k, v in row.items()), flush=True)
    (build / "bench.json").write_text(json.dumps({"machine": machine(), "results": results}, indent=1))
    print(f"written to {build / 'bench.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
