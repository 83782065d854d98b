"""What users and networks do wrong: each gets a clear message in the right place, and a running server goes on."""
import asyncio
import contextlib
import ctypes.util
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

import websockets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from _helpers import tap  # noqa: E402
from _helpers.server import BUILD, DEMO, Server  # noqa: E402
from _helpers.wire import PixelClient, StateClient  # noqa: E402

PROGRAM = BUILD / "napari-cuda-server"


def run_program(*args, env=None, timeout=20) -> subprocess.CompletedProcess:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("NAPARI_CUDA_")}
    return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=timeout, check=False,
                          env={**clean, **(env or {})})


class CommandLine(unittest.TestCase):
    def refused(self, *args, env=None, says=()) -> None:
        done = run_program(*args, env=env)
        self.assertEqual(done.returncode, 2, done.stderr)
        for text in says:
            self.assertIn(text, done.stderr)
        self.assertNotIn("http://", done.stdout)

    def test_bad_options(self):
        self.refused("--fps", "0", says=["--fps", "1..240"])
        self.refused("--encoder", "mpeg1", says=["--encoder", "x264", "openh264"])
        self.refused("--colour", says=["--colour"])
        self.refused(env={"NAPARI_CUDA_HEARTBEAT_S": "soon"}, says=["NAPARI_CUDA_HEARTBEAT_S"])
        self.refused("--host", "0.0.0.0", says=["--insecure", "--tls-cert"])
        self.refused("--tls-cert", "x.pem", says=["--tls-key"])
        self.refused("--config", "/", says=["--config"])
        self.refused("--data-root", "/does/not/exist", says=["--data-root", "/does/not/exist"])

    @unittest.skipIf(ctypes.util.find_library("nvidia-encode"), "this machine may have NVENC")
    def test_an_encoder_that_is_not_there(self):
        self.refused(DEMO, "--port", "0", "--encoder", "nvenc", says=["encoder nvenc", "nvcudah264enc", "nvh264enc", "NVENC"])

    def test_bad_data(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            self.refused(root / "missing.zarr", says=["missing.zarr"])
            self.refused(root, says=[str(root)])
            for suffix, command in ((".tif", "bioformats2raw"), (".czi", "bioformats2raw"), (".nd2", "bioformats2raw"),
                                    (".lif", "bioformats2raw"), (".ims", "bioformats2raw"), (".nii.gz", "convert")):
                file = root / f"a{suffix}"
                file.write_bytes(b"II*\0")
                self.refused(file, says=[command, suffix])
            broken = root / "broken.zarr"
            shutil.copytree(DEMO, broken)
            text = (broken / ".zattrs").read_text()
            (broken / ".zattrs").write_text(text[:len(text) // 2])
            self.refused(broken, says=[".zattrs"])
            (broken / ".zattrs").write_text(text)
            (broken / "0" / ".zarray").write_text('{"zarr_format": 2, "shape": [-1]}')
            self.refused(broken, says=[".zarray"])

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.refused(DEMO, "--port", port, says=[str(port)])

    def test_info_convert_help_and_version(self):
        info = run_program("info", DEMO)
        self.assertEqual(info.returncode, 0, info.stderr)
        self.assertIn("316", info.stdout)
        described = json.loads(run_program("info", DEMO, "--json").stdout)
        self.assertEqual(described["levels"][0]["shape"], [316, 370, 301])
        self.assertEqual(run_program("info").returncode, 2)
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "a.nii").write_bytes(b"\0" * 400)
            bad = run_program("convert", f"{folder}/a.nii", f"{folder}/a.zarr")
            self.assertEqual(bad.returncode, 2)
            self.assertIn("a.nii", bad.stderr)
            self.assertFalse(os.path.exists(f"{folder}/a.zarr"))
        self.assertIn("NAPARI_CUDA_BITRATE", run_program("--help").stdout)
        self.assertIn("0.1", run_program("--version").stdout)
        doctor = run_program("doctor", timeout=60)
        self.assertEqual(doctor.returncode, 0)
        last = doctor.stdout.strip().splitlines()[-1]
        self.assertRegex(last, r"draws with .*encodes with .*because")


class Running(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.data = pathlib.Path(cls.folder.name) / "demo.zarr"
        shutil.copytree(DEMO, cls.data)
        cls.server = Server(cls.data, "--width", 640, "--height", 480, "--heartbeat-s", 60).__enter__()
        cls.base = f"ws://127.0.0.1:{cls.server.port}/ws"

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    async def clients(self, **options):
        state = await StateClient.connect(f"{self.base}/state", self.server.headers)
        await state.baseline()
        return state, await PixelClient.connect(f"{self.base}/pixels", self.server.headers, **options)

    def test_token_host_and_origin(self):
        get = self.server.get
        host = f"127.0.0.1:{self.server.port}"
        bearer = self.server.headers
        self.assertEqual(get("/healthz", {})[0], 200)
        self.assertEqual(get("/")[0], 200)
        self.assertEqual(get("/", {})[0], 401)
        self.assertEqual(get("/metrics", {"Authorization": "Bearer wrong"})[0], 401)
        self.assertEqual(get(f"/?token={self.server.token}", {})[0], 200)
        self.assertEqual(get("/", {**bearer, "Host": "evil.example"})[0], 403)
        self.assertEqual(get("/", {**bearer, "Origin": "http://evil.example"})[0], 403)
        self.assertEqual(get("/", {**bearer, "Origin": f"http://{host}"})[0], 200)
        self.assertEqual(get("/nothing-here")[0], 404)
        self.assertEqual(get("/../../etc/passwd")[0], 404)

        async def body():
            for headers in ({}, {"Authorization": "Bearer nonsense"}, {**bearer, "Origin": "http://evil.example"}):
                for channel in ("state", "pixels"):
                    with self.assertRaises(websockets.InvalidStatusCode) as refused:
                        await websockets.connect(f"{self.base}/{channel}", extra_headers=headers)
                    self.assertIn(refused.exception.status_code, (401, 403))
        asyncio.run(body())

    def test_an_oversized_message_closes_only_its_sender(self):
        async def body():
            state, pixels = await self.clients()
            loud = await StateClient.connect(f"{self.base}/state", self.server.headers)
            await loud.baseline()
            with contextlib.suppress(ConnectionError, websockets.ConnectionClosed):  # the server may be gone before all is sent
                await loud.socket.send("x" * (3 << 20))
            await asyncio.wait_for(loud.reader, 5)
            self.assertNotIn(loud.closed, (1000, 1001))
            self.assertEqual((await state.intent("dims", "z", "index", 9))["applied_value"], 9)
            await state.close()
            await pixels.close()
        asyncio.run(body())

    def test_a_client_that_stops_reading_disturbs_nobody(self):
        async def body():
            state, viewer = await self.clients()
            await viewer.wait(lambda f: f.keyframe)
            raw = socket.create_connection(("127.0.0.1", self.server.port))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.sendall((f"GET /ws/pixels HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                         f"Authorization: Bearer {self.server.token}\r\n\r\n").encode())
            before = self.server.rss_bytes()
            start, frames = time.monotonic(), len(viewer.frames)
            step = 0
            while time.monotonic() - start < 6:
                step += 1
                await state.intent("camera", "main", "pan", {"dx_px": (-1) ** (step // 30) * 5, "dy_px": 0})
            self.assertGreater(len(viewer.frames) - frames, 60)
            self.assertEqual(viewer.errors, [])
            for one, two in zip(viewer.frames, viewer.frames[1:]):
                self.assertEqual(two.seq, one.seq + 1)
            growth = self.server.rss_bytes() - before
            print(f"evidence A1.2 a client that reads nothing for 6 s: {growth >> 20} MiB growth, {len(viewer.frames) - frames} frames to the other",
                  file=sys.stderr)
            self.assertLess(growth, 64 << 20)
            raw.close()
            await state.close()
            await viewer.close()
        asyncio.run(body())

    def upgraded(self, path: str) -> socket.socket:
        raw = socket.create_connection(("127.0.0.1", self.server.port), 30)
        raw.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                     f"Authorization: Bearer {self.server.token}\r\n\r\n").encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += raw.recv(1)
        self.assertTrue(answer.startswith(b"HTTP/1.1 101"), answer)
        return raw

    def flood(self, frame: bytes, first: bytes = b"") -> tuple[int, float, int]:
        """Sends frames for 3 s: how many bytes went out, the slowest answer another client got meanwhile, and the growth."""
        raw = self.upgraded("/ws/pixels")
        raw.settimeout(0.2)
        before, sent, slowest = self.server.rss_bytes(), 0, 0.0
        blob = frame * max(1, (256 << 10) // len(frame))
        stop = threading.Event()

        def send():
            nonlocal sent
            try:
                raw.sendall(first)
                while not stop.is_set():
                    with contextlib.suppress(TimeoutError):
                        sent += raw.send(blob)
            except OSError:
                pass
        thread = threading.Thread(target=send)
        thread.start()
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            start = time.monotonic()
            self.assertEqual(self.server.get("/healthz", {})[0], 200)
            slowest = max(slowest, time.monotonic() - start)
        stop.set()
        thread.join()
        growth = self.server.rss_bytes() - before
        raw.close()
        return sent, slowest, growth

    def test_a_flood_neither_fills_the_memory_nor_keeps_others_waiting(self):
        mask = b"\0\0\0\0"
        for name, frame, first in (("fragments", b"\x00\xfe" + (60000).to_bytes(2, "big") + mask + b"x" * 60000, b"\x01\x80" + mask),
                                   ("pings", b"\x89\xfd" + mask + b"x" * 125, b""),
                                   ("messages", b"\x81\x82" + mask + b"{}", b"")):
            with self.subTest(flood=name):
                sent, slowest, growth = self.flood(frame, first)
                print(f"evidence A1.2 flood of {name}: {sent >> 20} MiB taken, others answered within {slowest * 1e3:.0f} ms, "
                      f"{growth >> 20} MiB growth", file=sys.stderr)
                self.assertLess(growth, 64 << 20)  # an encoder starts, too
                self.assertLess(slowest, 1.0)

    def test_an_idle_socket_is_pinged(self):
        raw = self.upgraded("/ws/pixels")
        found, start = b"", time.monotonic()
        raw.settimeout(1)
        while b"\x89" not in self.control_opcodes(found) and time.monotonic() - start < 24:
            with contextlib.suppress(TimeoutError):
                found += raw.recv(1 << 20)
        raw.close()
        self.assertIn(b"\x89", self.control_opcodes(found))
        self.assertGreater(time.monotonic() - start, 15)

    @staticmethod
    def control_opcodes(stream: bytes) -> bytes:
        """The first bytes of all whole frames."""
        opcodes, at = bytearray(), 0
        while at + 2 <= len(stream):
            size, head = stream[at + 1], 2
            if size == 126:
                size, head = int.from_bytes(stream[at + 2:at + 4], "big"), 4
            elif size == 127:
                size, head = int.from_bytes(stream[at + 2:at + 10], "big"), 10
            opcodes.append(stream[at])
            at += head + size
        return bytes(opcodes)

    def test_clients_that_vanish_leave_nothing_behind(self):
        async def body():
            for _ in range(20):
                state, viewer = await self.clients(decode=False)
                await viewer.wait(lambda f: True)
                for client in (state, viewer):
                    client.socket.transport.abort()
                    await client.reader
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                metrics = json.loads(self.server.get("/metrics.json")[1])
                if metrics["gauges"]["napari_cuda_state_clients"] == metrics["gauges"]["napari_cuda_pixel_clients"] == 0:
                    return
                await asyncio.sleep(0.05)
            self.fail(f"clients are still counted: {metrics['gauges']}")
        asyncio.run(body())

    def test_a_corrupt_chunk_is_reported_and_the_rest_is_shown(self):
        chunks = sorted((self.data / "0").rglob("*"), key=lambda p: p.stat().st_size if p.is_file() else 0)
        for chunk in chunks[-40:]:
            if chunk.is_file() and not chunk.name.startswith("."):
                chunk.write_bytes(b"\x02\x01\x00\x00garbage" * 3)

        async def body():
            state, viewer = await self.clients()
            await state.intent("camera", "main", "set", {"center": [75.0, 92.0], "zoom": 6.0})
            for z in range(100, 220, 20):
                ack = await state.intent("dims", "z", "index", z)
                await viewer.wait(lambda f: f.scene_version >= ack["scene_version"], 5)
            await viewer.quiet(0.7)
            self.assertEqual((await state.intent("dims", "z", "index", 1))["status"], "accepted")
            await state.close()
            await viewer.close()
        asyncio.run(body())
        self.assertIsNone(self.server.process.poll())
        self.assertIn("/0/", "".join(self.server.stderr_lines), "the corrupt chunk's file is named")


class Tls(unittest.TestCase):
    def test_https_and_wss(self):
        with tempfile.TemporaryDirectory() as folder:
            files = f"{folder}/cert.pem", f"{folder}/key.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                            "-out", files[0], "-keyout", files[1], "-days", "2", "-subj", "/CN=localhost",
                            "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
            context = ssl.create_default_context(cafile=files[0])
            with Server(DEMO, "--width", 640, "--height", 480, "--tls-cert", files[0], "--tls-key", files[1]) as server:
                self.assertTrue(server.url.startswith("https://"), server.url)
                with urllib.request.urlopen(f"https://localhost:{server.port}/?token={server.token}", context=context,
                                            timeout=10) as page:
                    self.assertEqual(page.status, 200)
                    self.assertIn("Secure", page.headers["Set-Cookie"])

                async def body():
                    async def connect(channel):
                        return await websockets.connect(f"wss://localhost:{server.port}/ws/{channel}", ssl=context, max_size=None,
                                                        extra_headers=server.headers)
                    state = StateClient(await connect("state"))
                    await state.hello()
                    await state.baseline()
                    await state.socket.send("x" * 900_000)  # many TLS records at once; junk
                    self.assertEqual((await state.intent("dims", "z", "index", 9))["applied_value"], 9)
                    viewer = PixelClient(await connect("pixels"), True, 1)
                    await viewer.wait(lambda f: f.keyframe)
                    self.assertEqual(viewer.errors, [])
                    await viewer.close()
                    await state.close()
                asyncio.run(body())


class Stopping(unittest.TestCase):
    def test_sigterm_and_sigint_drain_and_exit_0_within_2_s(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number.name), Server(DEMO, "--width", 640, "--height", 480) as server:
                async def body():
                    state = await StateClient.connect(f"ws://127.0.0.1:{server.port}/ws/state", server.headers)
                    await state.baseline()
                    viewer = await PixelClient.connect(f"ws://127.0.0.1:{server.port}/ws/pixels", server.headers)
                    await viewer.wait(lambda f: True)
                    start = time.monotonic()
                    server.process.send_signal(number)
                    await asyncio.gather(state.reader, viewer.reader)
                    self.assertIn(state.closed, (1011, 1012))
                    self.assertIn(viewer.closed, (1011, 1012))
                    while server.process.poll() is None and time.monotonic() - start < 3:
                        await asyncio.sleep(0.01)
                    self.assertEqual(server.process.poll(), 0)
                    self.assertLess(time.monotonic() - start, 2)
                asyncio.run(body())


if __name__ == "__main__":
    tap.main()
