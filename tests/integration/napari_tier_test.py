"""The tier of the napari desktop client, end to end: its two ports, bottom row first, BT.601, IDRs that come by themselves."""
import asyncio
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import av
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from _helpers import oracle, tap  # noqa: E402
from _helpers.server import DEMO, Server  # noqa: E402
from _helpers.wire import PixelClient, StateClient  # noqa: E402

SIZE = (640, 480)
CENTER, ZOOM, SLICE = (75.0, 92.0), 2.0, 150
IDR_LONGEST_S = 2.0
JITTER_S = 0.05


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for taken in sockets:
        taken.bind(("127.0.0.1", 0))
    ports = [taken.getsockname()[1] for taken in sockets]
    for taken in sockets:
        taken.close()
    return ports


def signalled_colour(frame) -> str:
    """What the VUI of an IDR's SPS says, as GStreamer's own parser reads it."""
    with tempfile.NamedTemporaryFile(suffix=".h264") as file:
        file.write(frame.annexb())
        file.flush()
        done = subprocess.run(["gst-launch-1.0", "-v", "filesrc", f"location={file.name}", "!", "h264parse", "!", "fakesink"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=True)
    return re.search(r"colorimetry=\(string\)([\w:]+)", done.stdout)[1]


class Viewer(PixelClient):
    """Keeps what the stream says about its colours, and the last picture with its chroma."""

    yuv: av.VideoFrame | None = None

    def _decode(self, frame) -> None:
        pictures = self.decoder.decode(av.Packet(frame.annexb()))
        if len(pictures) != 1:
            self.errors.append(f"seq {frame.seq}: {len(pictures)} pictures")
            return
        self.decoded += 1
        self.yuv = pictures[0]

    def planes(self) -> tuple[np.ndarray, np.ndarray]:
        """Luma H x W, and Cb, Cr H/2 x W/2 x 2 of the last picture."""
        def plane(number, width):
            data = self.yuv.planes[number]
            return np.frombuffer(data, np.uint8).reshape(-1, data.line_size)[:, :width]
        width = self.yuv.width
        return plane(0, width), np.stack([plane(1, width // 2), plane(2, width // 2)], -1)


class NapariTier(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        state, pixels = free_ports(2)
        cls.server = Server(DEMO, "--width", SIZE[0], "--height", SIZE[1], "--state-port", state, "--pixel-port",
                            pixels).__enter__()
        assert (cls.server.state_port, cls.server.pixel_port) == (state, pixels), cls.server.stdout_lines

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        assert status == 0, f"exit status {status}: {''.join(cls.server.stderr_lines)}"

    async def connect(self):
        """State and pixels as the napari client does, without a token and on '/', and a web viewer beside it."""
        client = await StateClient.connect(f"ws://127.0.0.1:{self.server.state_port}/")
        await client.baseline()
        napari = await Viewer.connect(f"ws://127.0.0.1:{self.server.pixel_port}/")
        web = await Viewer.connect(f"ws://127.0.0.1:{self.server.port}/ws/pixels", self.server.headers)
        for viewer in (napari, web):
            await viewer.wait(lambda f: f.keyframe)
        return client, napari, web

    def expected(self, client) -> np.ndarray:
        import zarr
        block = next(m for m in client.messages if m["type"] == "notify.scene")["payload"]["layers"][0]
        low, high = block["controls"]["contrast_limits"]
        spacing, origin = block["scale"][:0:-1], block.get("translate", [0, 0, 0])[:0:-1]
        values, drawn, _ = oracle.plane(zarr.open(str(DEMO), "r")["0"][SLICE], SIZE, CENTER, 1 / ZOOM, origin, spacing)
        return oracle.colour(values, low, high, colormap="red", drawn=drawn)

    def test_pictures_are_bottom_up_and_bt601_and_the_web_tier_is_not(self):
        async def body():
            client, napari, web = await self.connect()
            await client.intent("layer", "layer-0", "colormap", "red")
            await client.intent("camera", "main", "set", {"center": list(CENTER), "zoom": ZOOM})
            await client.intent("dims", "z", "index", SLICE)
            for viewer in (napari, web):
                await viewer.quiet(1.6)
            rgb = self.expected(client)
            for name, viewer, matrix, flip in (("napari", napari, "601", True), ("web", web, "709", False)):
                self.assertEqual(viewer.errors, [])
                quality = [oracle.psnr(got, want) for got, want in zip(viewer.planes(), oracle.nv12(rgb, matrix, flip))]
                print(f"evidence A1.2 {name} tier settled at {quality[0]:.1f} dB luma, {quality[1]:.1f} dB chroma "
                      f"(BT.{matrix}, {'bottom' if flip else 'top'} row first)", file=sys.stderr)
                self.assertGreaterEqual(min(quality), 42, name)
            for wrong in (oracle.nv12(rgb, "709", True), oracle.nv12(rgb, "601", False)):
                self.assertLess(oracle.psnr(napari.planes()[0], wrong[0]), 36, "the picture must tell matrix and orientation")
            await self.check_headers(napari, web)
            for each in (client, napari, web):
                await each.close()
        asyncio.run(body())

    async def check_headers(self, napari, web) -> None:
        self.assertTrue(all(frame.extension == b"" for frame in napari.frames), "reserved must be 0")
        self.assertTrue(all(len(frame.extension) >= 16 for frame in web.frames))
        # Range, matrix, transfer, primaries; 2: limited range. 4 and 3: BT.601's matrix and BT.709's.
        for viewer, names, prefix in ((napari, ("bt601",), "2:4:"), (web, ("bt709",), "2:3:")):
            said = signalled_colour(next(f for f in reversed(viewer.frames) if f.keyframe))
            self.assertTrue(said in names or said.startswith(prefix), said)

    def test_idrs_come_by_themselves_and_the_last_frame_is_one_that_is_repeated_once(self):
        async def body():
            client, napari, web = await self.connect()
            for viewer in (napari, web):
                await viewer.quiet(1.6)
            first, first_web = len(napari.frames), len(web.frames)
            end, step = time.monotonic() + 7, 0
            while time.monotonic() < end:
                step += 1
                await client.intent("camera", "main", "pan", {"dx_px": 1 if step // 50 % 2 else -1, "dy_px": 0})
                await asyncio.sleep(0.016)
            moved = time.monotonic()
            await napari.quiet(1.6)
            frames = napari.frames[first:]
            idrs = [f.arrived for f in frames if f.keyframe and f.arrived <= moved]
            gaps = np.diff([frames[0].arrived, *idrs, moved])
            self.assertGreaterEqual(len(idrs), 3)
            self.assertLessEqual(max(gaps), IDR_LONGEST_S + JITTER_S)
            settled = [f for f in frames if f.arrived > moved]
            pause = settled[-1].arrived - settled[-2].arrived
            self.assertEqual([f.keyframe for f in settled[-2:]], [True, True])
            self.assertTrue(0.8 <= pause <= 1.4, f"repeated after {pause:.2f} s")
            self.assertTrue({7, 8, 5} <= set(settled[-1].nal_types()))
            self.assertEqual(sum(f.keyframe for f in web.frames[first_web:]), 0, "the web tier needs none of these")
            self.assertEqual(napari.errors + web.errors, [])
            count, sent = len(napari.frames), napari.bytes
            await asyncio.sleep(4)
            self.assertEqual((len(napari.frames), napari.bytes), (count, sent), "then silence")
            print(f"evidence A1.2 napari tier: {len(frames)} frames, IDRs {max(gaps):.2f} s apart at most, last one repeated "
                  f"after {pause:.2f} s, then 4 s of silence", file=sys.stderr)
            for each in (client, napari, web):
                await each.close()
        asyncio.run(body())

    def test_each_picture_is_drawn_once_for_both_tiers(self):
        async def body():
            client, napari, web = await self.connect()
            for viewer in (napari, web):
                await viewer.quiet(1.6)
            first = len(napari.frames), len(web.frames)
            for step in range(120):
                await client.intent("dims", "z", "index", 60 + step)
                await asyncio.sleep(0.016)
            moving = [viewer.frames[start:] for viewer, start in zip((napari, web), first)]
            # Frame ids count what was drawn, for whichever tier.
            drawn = moving[1][-1].frame_id - moving[1][0].frame_id + 1
            both = sum(map(len, moving))
            print(f"evidence A1.2 two tiers: {both} frames of {drawn} pictures drawn", file=sys.stderr)
            self.assertGreaterEqual(len(moving[1]), 40)
            self.assertLess(drawn, 0.75 * both, "each picture is drawn once for both")
            self.assertEqual(napari.errors + web.errors, [])
            for each in (client, napari, web):
                await each.close()
        asyncio.run(body())


if __name__ == "__main__":
    tap.main()
