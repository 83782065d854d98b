"""The wire, by a client made only of others' libraries: every row of wire_protocol.md section 5, sessions, frames, settling."""
import asyncio
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from _helpers import oracle, tap  # noqa: E402
from _helpers.server import DEMO, Server  # noqa: E402
from _helpers.wire import PixelClient, StateClient  # noqa: E402

SHAPE = (316, 370, 301)  # z, y, x of the demo
ACCEPT, INVALID, UNSUPPORTED = "accepted", "state.invalid", "state.unsupported"
ERROR = "state.error"

# scope, target, key, value, expected status or code, applied_value (None: not compared)
ROWS = [
    ("view", "main", "ndisplay", 3, ACCEPT, 3), ("view", "main", "ndisplay", "2", ACCEPT, 2),
    ("view", "main", "ndisplay", 7, ACCEPT, 3), ("view", "main", "ndisplay", None, ACCEPT, 2),
    ("view", "main", "ndisplay", "flat", INVALID, None),
    ("dims", "z", "index", 5, ACCEPT, 5), ("dims", "Z", "index", 9999, ACCEPT, SHAPE[0] - 1),
    ("dims", "0", "index", -3, ACCEPT, 0), ("dims", "z", "index", 1.5, INVALID, None),
    ("dims", "q", "index", 1, ERROR, None), ("dims", "z", "step", 4, ACCEPT, 4), ("dims", "z", "step", -99, ACCEPT, 0),
    ("dims", "z", "warp", 1, INVALID, None),
    ("camera", "main", "zoom", {"factor": 1.1, "anchor_px": [160, 120]}, ACCEPT, {"factor": 1.1, "anchor_px": [160, 120]}),
    ("camera", "main", "zoom", {"factor": 0, "anchor_px": [0, 0]}, INVALID, None),
    ("camera", "main", "zoom", {"factor": 1.1}, INVALID, None),
    ("camera", "main", "pan", {"dx_px": 3, "dy_px": -2.5}, ACCEPT, {"dx_px": 3, "dy_px": -2.5}),
    ("camera", "main", "pan", {"dx_px": 0, "dy_px": 0}, ACCEPT, {"dx_px": 0, "dy_px": 0}),
    ("camera", "main", "pan", {"dx_px": "far", "dy_px": 0}, INVALID, None),
    ("camera", "main", "orbit", {"d_az_deg": 1, "d_el_deg": 2}, ACCEPT, {"d_az_deg": 1, "d_el_deg": 2}),
    ("camera", "main", "orbit", {"d_az_deg": 1}, INVALID, None),
    ("camera", "main", "reset", {"reason": "test"}, ACCEPT, {"reason": "test"}),
    ("camera", "main", "set", {"center": [80, 90], "zoom": 2.0}, ACCEPT, {"center": [80, 90], "zoom": 2.0}),
    ("camera", "main", "set", {"rect": [0, 0, 100, 100]}, ACCEPT, {"rect": [0, 0, 100, 100]}),
    ("camera", "main", "set", {"center": [1]}, INVALID, None), ("camera", "main", "set", {}, INVALID, None),
    ("camera", "side", "reset", {}, INVALID, None),
    ("layer", "layer-0", "visible", "off", ACCEPT, False), ("layer", "layer-0", "visible", True, ACCEPT, True),
    ("layer", "layer-0", "opacity", 1.5, ACCEPT, 1.0), ("layer", "layer-0", "opacity", "x", INVALID, None),
    ("layer", "layer-0", "gamma", 0.7, ACCEPT, 0.7), ("layer", "layer-0", "gamma", 0, ERROR, None),
    ("layer", "layer-0", "colormap", "VIRIDIS", ACCEPT, "viridis"), ("layer", "layer-0", "colormap", "mud", INVALID, None),
    ("layer", "layer-0", "contrast_limits", [200, 10], ACCEPT, [10, 200]),
    ("layer", "layer-0", "contrast_limits", [1], INVALID, None),
    ("layer", "layer-0", "rendering", "mip", ACCEPT, "mip"),
    ("layer", "layer-0", "blending", "opaque", ACCEPT, "opaque"),
    ("layer", "layer-0", "interpolation", "nearest", ACCEPT, "nearest"),
    ("layer", "layer-0", "interpolation", "bilinear", INVALID, None),
    ("layer", "layer-9", "opacity", 0.5, INVALID, None), ("layer", "layer-0", "shine", 1, INVALID, None),
    ("volume", "main", "render_mode", "MIP", ACCEPT, "mip"), ("volume", "main", "contrast_limits", [5, 250], ACCEPT, [5, 250]),
    ("volume", "main", "colormap", "gray", ACCEPT, "gray"), ("volume", "main", "opacity", 0.5, ACCEPT, 0.5),
    ("multiscale", "main", "level", 1, ACCEPT, 1), ("multiscale", "main", "level", "0", ACCEPT, 0),
    ("multiscale", "main", "level", 99, ACCEPT, None), ("multiscale", "main", "level", [1], INVALID, None),
    ("multiscale", "main", "policy", "ratio", UNSUPPORTED, None),
    ("weather", "main", "rain", 1, INVALID, None), ("", "", "", 1, INVALID, None),
]
# What cannot act yet must be refused, with any code.
REFUSED = [("layer", "layer-0", "rendering", "iso"), ("layer", "layer-0", "blending", "maximum"),
           ("layer", "layer-0", "attenuation", 0.1), ("layer", "layer-0", "iso_threshold", 0.1),
           ("layer", "layer-0", "interpolation", "lanczos"), ("volume", "main", "render_mode", "iso"),
           ("volume", "main", "sample_step", 0.5), ("layer", "layer-0", "depiction", "plane")]


def run(coroutine):
    return asyncio.run(coroutine)


class Wire(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(DEMO, "--width", 640, "--height", 480, "--frame-id", "--heartbeat-s", 1).__enter__()
        cls.state = f"ws://127.0.0.1:{cls.server.port}/ws/state"
        cls.pixels = f"ws://127.0.0.1:{cls.server.port}/ws/pixels"

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        assert status == 0, f"exit status {status}: {''.join(cls.server.stderr_lines)}"

    async def client(self) -> StateClient:
        client = await StateClient.connect(self.state, self.server.headers)
        await client.baseline()
        return client

    async def viewer(self, **options) -> PixelClient:
        return await PixelClient.connect(self.pixels, self.server.headers, **options)

    def test_every_row_of_section_5_is_answered(self):
        async def body():
            client = await self.client()
            await client.intent("view", "main", "ndisplay", 2)
            for scope, target, key, value, expected, applied in ROWS:
                with self.subTest(intent=f"{scope}.{target}.{key}", value=value):
                    ack = await client.intent(scope, target, key, value)
                    if expected == ACCEPT:
                        self.assertEqual(ack["status"], "accepted", ack)
                        self.assertIsInstance(ack["version"], int)
                        if applied is not None:
                            self.assertEqual(ack["applied_value"], applied)
                    else:
                        self.assertEqual((ack["status"], ack.get("error", {}).get("code")), ("rejected", expected), ack)
                        self.assertTrue(ack["error"]["message"])
            for scope, target, key, value in REFUSED:
                with self.subTest(refused=f"{scope}.{target}.{key}", value=value):
                    self.assertEqual((await client.intent(scope, target, key, value))["status"], "rejected")
            await client.intent("multiscale", "main", "level", 0)
            await client.close()
        run(body())

    def test_junk_and_wrong_versions_leave_the_session_open(self):
        async def body():
            client = await self.client()
            for junk in ("", "{", "[]", "null", '{"type":5}', '{"no":"type"}', '{"type":"ping"}', "\u2603" * 100,
                         '{"type":"state.update","version":2}', '{"type":"input.wheel","angle_y":1}',
                         '{"type":"state.update","version":1,"timestamp":1,"session":"x","frame_id":"f","intent_id":"i",'
                         '"payload":{"scope":"dims","target":"z","key":"index","value":1}}',
                         '{"type":"state.update","version":2,"timestamp":NaN,"payload":{}}', "[" * 5000):
                await client.socket.send(junk)
            await client.socket.send(b"\xff\xfe\x00")
            self.assertEqual((await client.intent("dims", "z", "index", 3))["applied_value"], 3)
            for number in ("NaN", "1e999", "-Infinity"):
                await client.socket.send('{"type":"state.update","version":2,"timestamp":1,"session":"%s","frame_id":"f","intent_id":"bad",'
                                         '"payload":{"scope":"layer","target":"layer-0","key":"opacity","value":%s}}' % (client.session, number))
            self.assertEqual((await client.intent("dims", "z", "index", 4))["applied_value"], 4)
            await client.close()
        run(body())

    def test_a_wrong_hello_is_rejected_with_its_code(self):
        async def reject(payload, type_="session.hello", version=2):
            client = await StateClient.connect(self.state, self.server.headers, hello=False)
            await client.send(type_, payload, frame_id="h", **({"version": version} if version != 2 else {}))
            message = await client.wait(lambda m: m["type"] in ("session.reject", "session.welcome"))
            self.assertEqual(message["type"], "session.reject")
            await asyncio.wait_for(client.reader, 5)
            return message["payload"]["code"]

        async def body():
            good = {"protocols": [2], "client": {"name": "n", "version": "1", "platform": "p"},
                    "features": {"notify.scene": True, "notify.layers": True, "notify.stream": True}, "resume_tokens": {}}
            self.assertEqual(await reject({**good, "protocols": [1]}), "protocol_mismatch")
            self.assertEqual(await reject({**good, "features": {"notify.scene": True}}), "unsupported_client")
            self.assertEqual(await reject({}, "session.ack"), "unexpected_message")
            self.assertEqual(await reject({**good, "extra": 1}), "invalid_payload")
            client = await StateClient.connect(self.state, self.server.headers, hello=False)
            await client.socket.send("{nonsense")
            message = await client.wait(lambda m: m["type"] == "session.reject")
            self.assertEqual(message["payload"]["code"], "invalid_json")
            silent = await StateClient.connect(self.state, self.server.headers, hello=False)
            message = await silent.wait(lambda m: m["type"] == "session.reject", 7)
            self.assertEqual(message["payload"]["code"], "timeout")
        run(body())

    def test_baseline_is_in_order_and_complete_on_every_resume(self):
        async def body():
            first = await self.client()
            await first.wait(lambda m: m["type"] == "notify.layers")
            types = [m["type"] for m in first.messages]
            self.assertEqual(types[:2], ["session.welcome", "notify.scene"])
            self.assertLess(types.index("notify.dims"), types.index("notify.layers"))
            scene = first.messages[1]
            self.assertEqual(scene["seq"], 0)
            block = scene["payload"]["layers"][0]
            self.assertEqual(tuple(block["shape"]), SHAPE)
            thumbnail = block["metadata"]["thumbnail"]
            self.assertEqual((len(thumbnail), len(thumbnail[0])), (32, 32))
            self.assertIn(len(thumbnail[0][0]), (3, 4))
            self.assertLessEqual(set(block["controls"]), {"visible", "opacity", "blending", "interpolation", "colormap", "rendering",
                                                          "gamma", "contrast_limits", "iso_threshold", "attenuation"})
            await first.close()
            again = await StateClient.connect(self.state, self.server.headers, hello=False)
            await again.hello({"notify.scene": scene["delta_token"], "notify.layers": "unknown", "notify.stream": None})
            await again.wait(lambda m: m["type"] == "notify.layers")
            self.assertEqual([m["type"] for m in again.messages][:3], ["session.welcome", "notify.scene", "notify.dims"])
            await again.close()
        run(body())

    def test_heartbeats_goodbye_and_a_silent_client(self):
        async def body():
            client = await self.client()
            beat = await client.wait(lambda m: m["type"] == "session.heartbeat", 4)
            self.assertEqual(beat["payload"], {})
            await client.send("session.goodbye", {"code": "goodbye", "message": "done", "reason": "test"},
                              session=client.session, frame_id="g")
            answer = await client.wait(lambda m: m["type"] == "session.goodbye")
            self.assertEqual(answer["payload"]["reason"], "client_goodbye")
            await asyncio.wait_for(client.reader, 3)
            silent = await self.client()
            bye = await silent.wait(lambda m: m["type"] == "session.goodbye", 8)
            self.assertEqual(bye["payload"]["reason"], "heartbeat_timeout")
            await asyncio.wait_for(silent.reader, 3)
            self.assertEqual(silent.closed, 1011)
        run(body())

    def test_commands(self):
        async def body():
            client = await self.client()
            self.assertEqual((await client.command("napari.pixel.request_keyframe"))["payload"]["status"], "ok")
            listing = (await client.command("fs.listdir", path=None, show_hidden=False, only=[".zarr"]))["payload"]["result"]
            self.assertIn(DEMO.name, [entry["name"] for entry in listing["entries"]])
            entry = next(e for e in listing["entries"] if e["name"] == DEMO.name)
            self.assertTrue(entry["zarr_metadata"]["is_dataset"])
            outside = (await client.command("fs.listdir", path="/etc"))["payload"]["result"]
            self.assertEqual(outside["path"], listing["path"])
            self.assertEqual((await client.command("napari.load_zarr", path="/etc"))["payload"]["code"], "fs.forbidden")
            self.assertEqual((await client.command("napari.load_zarr", path="nowhere.zarr"))["payload"]["code"], "fs.not_found")
            self.assertEqual((await client.command("napari.load_zarr"))["payload"]["code"], "command.invalid")
            self.assertEqual((await client.command("foo.bar"))["payload"]["code"], "command.not_found")
            start = len(client.messages)
            self.assertEqual((await client.command("napari.load_zarr", path=entry["path"]))["payload"]["status"], "ok")
            await client.wait(lambda m: m["type"] == "notify.scene", start=start)
            await client.wait(lambda m: m["type"] == "notify.dims", start=start)
            await client.close()
        run(body())

    def test_two_clients_see_each_other(self):
        async def body():
            one, two = await self.client(), await self.client()
            self.assertNotEqual(one.session, two.session)
            start = len(two.messages)
            await one.intent("layer", "layer-0", "opacity", 0.25)
            # The baseline, with the opacity that was, may still be on its way.
            seen = await two.wait(lambda m: m["type"] == "notify.layers" and m["payload"].get("controls", {}).get("opacity") == 0.25, start=start)
            self.assertEqual(seen["session"], two.session)
            await one.intent("layer", "layer-0", "opacity", 1.0)
            await one.close()
            await two.close()
        run(body())

    def test_frames_flow_decode_and_are_well_formed(self):
        async def body():
            client, viewer = await self.client(), await self.viewer()
            first = await viewer.wait(lambda f: True)
            self.assertTrue(first.keyframe)
            self.assertEqual(first.nal_types()[-1], 5)
            self.assertTrue({7, 8} <= set(first.nal_types()))
            deadline, step = time.monotonic() + 60, 0
            while viewer.decoded < 300 and time.monotonic() < deadline:
                step += 1
                await client.intent("dims", "z", "index", step % SHAPE[0])
                await client.intent("camera", "main", "pan", {"dx_px": (-1) ** (step // 20) * 2, "dy_px": 1 if step % 40 < 20 else -1})
            self.assertGreaterEqual(viewer.decoded, 300)
            self.assertEqual(viewer.errors, [])
            self.assertGreaterEqual(len({f.frame_id for f in viewer.frames}), 200)
            for before, after in zip(viewer.frames, viewer.frames[1:]):
                self.assertEqual(after.seq, before.seq + 1)
                self.assertGreaterEqual(after.timestamp, before.timestamp)
                self.assertGreaterEqual(after.scene_version, before.scene_version)
            for frame in viewer.frames:
                self.assertEqual(frame.keyframe, 5 in frame.nal_types())
            print(f"evidence A1.2 {viewer.decoded} frames decoded, {len({f.frame_id for f in viewer.frames})} frame ids, "
                  f"{len(viewer.errors)} decode errors", file=sys.stderr)
            ack = await client.intent("dims", "z", "index", 100)
            await viewer.wait(lambda f: f.scene_version >= ack["scene_version"], 5)
            await client.close()
            await viewer.close()
        run(body())

    def test_a_second_viewer_costs_one_idr(self):
        async def body():
            one = await self.viewer()
            await one.wait(lambda f: f.keyframe)
            await one.quiet()
            before = len(one.frames)
            two = await self.viewer()
            first = await two.wait(lambda f: True)
            self.assertTrue(first.keyframe)
            await two.quiet()
            self.assertEqual(sum(f.keyframe for f in one.frames[before:]), 1)
            self.assertEqual(one.errors + two.errors, [])
            await one.close()
            await two.close()
        run(body())


class Settling(unittest.TestCase):
    def test_after_motion_it_settles_then_is_silent(self):
        import zarr
        with Server(DEMO, "--width", 640, "--height", 480, "--heartbeat-s", 5) as server:
            async def body():
                client = await StateClient.connect(f"ws://127.0.0.1:{server.port}/ws/state", server.headers)
                await client.baseline()
                viewer = await PixelClient.connect(f"ws://127.0.0.1:{server.port}/ws/pixels", server.headers)
                await viewer.wait(lambda f: f.keyframe)
                await client.intent("camera", "main", "set", {"center": [75.0, 92.0], "zoom": 2.0})
                for step in range(120):
                    await client.intent("dims", "z", "index", 80 + step)
                ack = await client.intent("dims", "z", "index", 150)
                await viewer.wait(lambda f: f.scene_version >= ack["scene_version"], 5)
                await viewer.quiet(1.0)
                await self.judge(client, viewer, zarr)
                await self.silence(server, viewer)
            run(body())

    async def judge(self, client, viewer, zarr) -> None:
        scene = next(m for m in client.messages if m["type"] == "notify.scene")["payload"]
        block = scene["layers"][0]
        low, high = block["controls"]["contrast_limits"]
        image = zarr.open(str(DEMO), "r")["0"][150]
        spacing, origin = block["scale"][:0:-1], block.get("translate", [0, 0, 0])[:0:-1]
        values, drawn, _ = oracle.plane(image, (640, 480), (75.0, 92.0), 0.5, origin, spacing)
        rgb = oracle.colour(values, low, high, drawn=drawn)
        luma, _ = oracle.nv12(rgb)
        quality = oracle.psnr(viewer.frames[-1].picture, luma)
        print(f"evidence A1.2 settled frame {quality:.1f} dB luma against the oracle", file=sys.stderr)
        self.assertGreaterEqual(quality, 42)

    async def silence(self, server, viewer) -> None:
        frames, received, cpu = len(viewer.frames), viewer.bytes, server.cpu_s()
        await asyncio.sleep(30)
        self.assertEqual((len(viewer.frames), viewer.bytes), (frames, received))
        used = (server.cpu_s() - cpu) / 30
        print(f"evidence A1.2 30 s of silence: 0 frames, 0 bytes of video, {100 * used:.2f} % CPU", file=sys.stderr)
        self.assertLessEqual(used, 0.01)


if __name__ == "__main__":
    tap.main()
