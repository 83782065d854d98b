#!/usr/bin/python3
"""A small stand-in for the server, to develop the browser client without it: a head volume behind the real protocol.

Not a reference for anything: it draws fast instead of exactly, serves one scene to everybody, and checks little. Everything runs in
one asyncio loop. `--token` makes it ask for one, `--idle` starts without a data set, `--drop-after S` closes every socket once after S seconds.
"""
import argparse
import asyncio
import base64
import gzip
import http
import json
import math
import mimetypes
import pathlib
import struct
import time
import urllib.parse

import av
import numpy as np
import websockets
from PIL import Image

WEB = pathlib.Path(__file__).resolve().parents[2] / "clients" / "web"
HEAD = pathlib.Path("/usr/share/mricron/templates/ch2better.nii.gz")
COLORMAPS = {"gray": [(0, 0, 0), (255, 255, 255)], "viridis": [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)],
             "magma": [(0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191)], "red": [(0, 0, 0), (255, 0, 0)],
             "green": [(0, 0, 0), (0, 255, 0)], "fire": [(0, 0, 0), (120, 0, 160), (230, 60, 0), (255, 200, 0), (255, 255, 255)]}


def load_head():
    """The head as (z, y, x) bytes; Debian's mricron-data has it, otherwise two overlapping balls stand in."""
    if HEAD.exists():
        raw = gzip.decompress(HEAD.read_bytes())
        shape = struct.unpack_from("<8h", raw, 40)[1:4]
        offset = int(struct.unpack_from("<f", raw, 108)[0])
        return np.frombuffer(raw, np.uint8, math.prod(shape), offset).reshape(shape[::-1])
    z, y, x = np.mgrid[0:120, 0:140, 0:130].astype(np.float32)
    first = np.clip(1 - np.hypot(np.hypot(z - 60, y - 60), x - 55) / 50, 0, 1)
    second = np.clip(1 - np.hypot(np.hypot(z - 70, y - 90), x - 80) / 35, 0, 1)
    return (255 * np.maximum(first, 0.7 * second)).astype(np.uint8)


def sample(rows_of, positions):
    """Linear interpolation along axis 0; positions outside give 0."""
    size = rows_of.shape[0]
    inside = (positions >= -0.5) & (positions < size - 0.5)
    clamped = np.clip(positions, 0, size - 1)
    low = np.minimum(clamped.astype(int), size - 2)
    weight = (clamped - low).astype(np.float32)[:, None]
    out = rows_of[low] * (1 - weight) + rows_of[low + 1] * weight
    return out * inside[:, None]


class Scene:
    def __init__(self, width, height, idle):
        self.width, self.height, self.idle = width, height, idle
        self.volume = load_head()
        self.small = np.ascontiguousarray(self.volume[::4, ::4, ::4])
        self.version = 1
        self.ndisplay = 2
        self.step = [size // 2 for size in self.volume.shape]
        self.controls = {"visible": True, "opacity": 1.0, "blending": "opaque", "interpolation": "linear", "colormap": "gray",
                         "gamma": 1.0, "contrast_limits": [0.0, 255.0], "rendering": "mip"}
        self.reset()

    def reset(self):
        depth, rows, columns = self.volume.shape
        self.zoom = 0.95 * min(self.width / columns, self.height / rows)
        self.center = [columns / 2, rows / 2]
        self.center3 = [columns / 2, rows / 2, depth / 2]
        self.angles = [30.0, 30.0, 0.0]
        self.fov = 0.0
        self.distance = 1.1 * max(self.volume.shape)

    def pose(self):
        if self.ndisplay == 3:
            return {"center": self.center3, "angles": self.angles, "distance": self.distance, "fov": self.fov}
        size = [self.width / self.zoom, self.height / self.zoom]
        return {"center": self.center, "zoom": self.zoom, "rect": [self.center[0] - size[0] / 2, self.center[1] - size[1] / 2, *size]}

    def draw(self):
        value = self._volume() if self.ndisplay == 3 else self._plane()
        low, high = self.controls["contrast_limits"]
        t = np.clip((value - low) / (high - low), 0, 1) ** self.controls["gamma"]
        stops = np.array(COLORMAPS[self.controls["colormap"]], np.float32)
        at = np.linspace(0, 1, len(stops))
        table = np.stack([np.interp(np.linspace(0, 1, 256), at, stops[:, c]) for c in range(3)], 1)
        opacity = self.controls["opacity"] if self.controls["visible"] and not self.idle else 0
        return (table[(255 * t).astype(np.uint8)] * opacity).astype(np.uint8)

    def _plane(self):
        plane = self.volume[self.step[0]].astype(np.float32)
        ys = self.center[1] + (np.arange(self.height) + 0.5 - self.height / 2) / self.zoom
        xs = self.center[0] + (np.arange(self.width) + 0.5 - self.width / 2) / self.zoom
        return sample(np.ascontiguousarray(sample(plane, ys).T), xs).T

    def _volume(self):
        width, height = 320, 180
        azimuth, elevation = np.radians(self.angles[:2])
        forward = np.array([-math.sin(azimuth) * math.cos(elevation), math.cos(azimuth) * math.cos(elevation), -math.sin(elevation)])
        right = np.array([math.cos(azimuth), math.sin(azimuth), 0])
        up = np.cross(right, forward)
        pixel = self.distance / height if self.fov == 0 else 2 * self.distance * math.tan(math.radians(self.fov) / 2) / height
        u, v = np.meshgrid((np.arange(width) + 0.5 - width / 2) * pixel, (np.arange(height) + 0.5 - height / 2) * pixel)
        reach = 0.9 * max(self.volume.shape)
        best = np.zeros((height, width), np.uint8)
        shape = np.array(self.small.shape)[::-1]
        on_plane = np.array(self.center3) + u[..., None] * right - v[..., None] * up
        for t in np.arange(-reach, reach, 5.0):
            scale = 1 if self.fov == 0 else 1 + t / self.distance
            at = (np.array(self.center3) + (on_plane - self.center3) * scale + t * forward) / 4
            index = np.rint(at).astype(int)
            good = ((index >= 0) & (index < shape)).all(-1)
            index = np.where(good[..., None], index, 0)
            best = np.maximum(best, self.small[index[..., 2], index[..., 1], index[..., 0]] * good)
        return np.asarray(Image.fromarray(best).resize((self.width, self.height), Image.BILINEAR), np.float32)

    def camera(self, key, value):
        if key == "reset":
            self.reset()
        elif key == "zoom" and self.ndisplay == 3:
            self.distance *= value["factor"]
        elif key == "zoom":
            ax = value["anchor_px"][0] - self.width / 2
            ay = self.height - value["anchor_px"][1] - self.height / 2
            old, self.zoom = self.zoom, self.zoom / value["factor"]
            self.center = [self.center[0] + ax / old - ax / self.zoom, self.center[1] + ay / old - ay / self.zoom]
        elif key == "pan" and self.ndisplay == 2:
            self.center = [self.center[0] - value["dx_px"] / self.zoom, self.center[1] - value["dy_px"] / self.zoom]
        elif key == "orbit":
            self.angles = [self.angles[0] + value["d_az_deg"], max(-90, min(90, self.angles[1] + value["d_el_deg"])), self.angles[2]]
        elif key == "set":
            self.zoom = value.get("zoom", self.zoom)
            self.fov = value.get("fov", self.fov)
            self.angles = value.get("angles", self.angles)
            if self.ndisplay == 3:
                self.center3 = value.get("center", self.center3)
            else:
                self.center = value.get("center", self.center)


class Server:
    def __init__(self, options):
        self.options = options
        width, height = map(int, options.size.split("x"))
        self.scene = Scene(width, height, options.idle)
        self.clients, self.viewers = set(), {}
        self.damage = asyncio.Event()
        self.force_idr = False
        self.frame_id = 0
        self.avcc = b""
        self.encoder = av.CodecContext.create("libx264", "w")
        self.encoder.width, self.encoder.height, self.encoder.pix_fmt = width, height, "yuv420p"
        self.encoder.framerate, self.encoder.time_base = 60, "1/60"
        self.encoder.bit_rate = 12_000_000
        self.encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "x264-params":
                                "keyint=9999:scenecut=0:repeat-headers=1:colormatrix=bt709:fullrange=off"}

    # --- frames
    def encode(self):
        frame = av.VideoFrame.from_ndarray(self.scene.draw(), "rgb24").reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts = self.frame_id
        if self.force_idr:
            frame.pict_type = "I"
        packets = self.encoder.encode(frame)
        if not packets:
            return None
        data, keyframe = bytes(packets[0]), bool(packets[0].is_keyframe)
        nals = [nal for nal in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if nal]
        if keyframe:
            sps, pps = (next(nal for nal in nals if nal[0] & 31 == kind) for kind in (7, 8))
            self.avcc = bytes([1, *sps[1:4], 0xFF, 0xE1]) + struct.pack("!H", len(sps)) + sps + b"\1" + struct.pack("!H", len(pps)) + pps
        return keyframe, b"".join(struct.pack("!I", len(nal)) + nal for nal in nals)

    async def draw_loop(self):
        loop = asyncio.get_running_loop()
        while True:
            await self.damage.wait()
            self.damage.clear()
            if not self.viewers:
                continue
            version, had_avcc = self.scene.version, self.avcc
            encoded = await loop.run_in_executor(None, self.encode)
            self.force_idr = False
            if not encoded:
                continue
            keyframe, payload = encoded
            self.frame_id += 1
            if self.avcc != had_avcc:
                await self.broadcast("notify.stream", self.stream())
            for viewer, state in list(self.viewers.items()):
                if not keyframe and not state["started"]:
                    continue
                state["started"] = True
                head = struct.pack("!IdIIBBH", state["seq"], time.time(), self.scene.width, self.scene.height, 1, int(keyframe), 32)
                state["seq"] += 1
                extension = struct.pack("!QQdd", version, self.frame_id, time.time(), time.time())
                try:
                    await viewer.send(head + extension + payload)
                except websockets.ConnectionClosed:
                    pass

    def touch(self):
        self.scene.version += 1
        self.damage.set()

    # --- notifications
    def dims(self):
        shape = list(self.scene.volume.shape)
        nd = self.scene.ndisplay
        return {"step": self.scene.step, "current_step": self.scene.step, "ndisplay": nd, "mode": "volume" if nd == 3 else "plane",
                "current_level": 0, "level_shapes": [shape], "levels": [{"index": 0, "shape": shape, "downsample": [1, 1, 1], "path": "0"}],
                "axis_labels": ["z", "y", "x"], "order": [0, 1, 2], "displayed": [0, 1, 2][-nd:]}

    def scene_payload(self):
        if self.scene.idle:
            return {"viewer": {}, "layers": [], "metadata": {"status": "idle", "napari_cuda": {"colormaps": sorted(COLORMAPS), "axes": []}}}
        shape = list(self.scene.volume.shape)
        layer = {"layer_id": "layer-0", "layer_type": "image", "name": "ch2better", "ndim": 3, "shape": shape, "dtype": "uint8",
                 "axis_labels": ["z", "y", "x"], "controls": self.scene.controls, "contrast_limits": [0.0, 255.0],
                 "metadata": {"thumbnail": [[[0.1, 0.1, 0.1, 1.0]]]}}
        axes = [{"name": name, "type": "space", "unit": "millimeter", "size": size, "scale": 1.0, "translate": 0.0}
                for name, size in zip("zyx", shape)]
        return {"viewer": {"camera": self.scene.pose()}, "layers": [layer], "metadata": {"status": "ready", "source_path": "/data/ch2better.ome.zarr",
                "napari_cuda": {"colormaps": sorted(COLORMAPS), "axes": axes, "dtype": "uint8"}}}

    def stream(self):
        return {"codec": "h264", "format": "avcc", "fps": 60.0, "frame_size": [self.scene.width, self.scene.height], "nal_length_size": 4,
                "avcc": base64.b64encode(self.avcc).decode(), "latency_policy": {}}

    @staticmethod
    async def send(client, kind, payload, **envelope):
        try:
            await client.send(json.dumps({"type": kind, "version": 2, "session": "s", "frame_id": "f", "timestamp": time.time(), **envelope, "payload": payload}))
        except websockets.ConnectionClosed:
            pass

    async def broadcast(self, kind, payload):
        for client in list(self.clients):
            await self.send(client, kind, payload, seq=0, delta_token="t")

    async def baseline(self, client):
        await self.send(client, "notify.scene", self.scene_payload(), seq=0, delta_token="t")
        await self.send(client, "notify.dims", self.dims())
        if self.avcc:
            await self.send(client, "notify.stream", self.stream(), seq=0, delta_token="t")

    # --- channels
    async def state_channel(self, socket):
        hello = json.loads(await socket.recv())
        assert hello["type"] == "session.hello" and hello["payload"]["protocols"] == [2], hello
        features = {f"notify.{name}": {"enabled": True, "version": 1} for name in ("scene", "layers", "stream", "dims", "camera")}
        features["call.command"] = {"enabled": True, "commands": ["napari.pixel.request_keyframe", "fs.listdir", "napari.load_zarr"]}
        await self.send(socket, "session.welcome", {"protocol_version": 2, "session": {"id": "s", "heartbeat_s": 5.0}, "features": features})
        self.clients.add(socket)
        await self.baseline(socket)
        beat = asyncio.create_task(self.heartbeat(socket))
        try:
            async for text in socket:
                frame = json.loads(text)
                if frame["type"] == "state.update":
                    await self.intent(socket, frame)
                elif frame["type"] == "call.command":
                    await self.command(socket, frame)
        except websockets.ConnectionClosed:
            pass
        finally:
            beat.cancel()
            self.clients.discard(socket)

    async def heartbeat(self, socket):
        while True:
            await asyncio.sleep(5)
            await self.send(socket, "session.heartbeat", {})

    async def intent(self, socket, frame):
        payload = frame["payload"]
        scope, target, key, value = (payload[name] for name in ("scope", "target", "key", "value"))
        scene, applied = self.scene, value
        answer = {"intent_id": frame["intent_id"], "in_reply_to": frame["frame_id"]}
        if scope == "layer" and key == "colormap" and value not in COLORMAPS:
            error = {"code": "state.invalid", "message": f"unknown colormap '{value}'"}
            return await self.send(socket, "ack.state", {**answer, "status": "rejected", "error": error})
        if scope == "dims":
            axis = "zyx".index(target)
            wanted = value + (scene.step[axis] if key == "step" else 0)
            applied = scene.step[axis] = max(0, min(scene.volume.shape[axis] - 1, wanted))
        elif scope == "view":
            scene.ndisplay = value
        elif scope == "camera":
            scene.camera(key, value)
        elif scope == "layer":
            scene.controls[key] = value
        self.touch()
        await self.send(socket, "ack.state", {**answer, "status": "accepted", "applied_value": applied, "version": 1, "scene_version": scene.version})
        if scope in ("dims", "view"):
            await self.broadcast("notify.dims", self.dims())
        if scope == "layer":
            await self.broadcast("notify.layers", {"layer_id": target, "controls": {key: value}})
        if scope in ("camera", "view"):
            await self.broadcast("notify.camera", {"mode": "pose", "origin": "worker.state.camera", "state": scene.pose()})

    async def command(self, socket, frame):
        call = frame["payload"]
        reply = {"in_reply_to": frame["frame_id"], "status": "ok"}
        if call["command"] == "napari.pixel.request_keyframe":
            self.force_idr = True
            self.damage.set()
        elif call["command"] == "fs.listdir":
            here = call["kwargs"]["path"] or "/data"
            names = ["ch2better.ome.zarr", "lightsheet-2024-11.ome.zarr"] if here != "/data" else ["archive", "brains", "ch2better.ome.zarr", "embryo-timelapse.ome.zarr"]
            reply["result"] = {"path": here, "has_more": False, "entries": [
                {"name": name, "path": f"{here}/{name}", "is_dir": True, "size": 4096, "mtime": 1.79e9,
                 "zarr_metadata": {"is_dataset": name.endswith(".zarr"), "has_multiscales": True, "dataset_children": ["a", "b"] if name == "brains" else []}} for name in names]}
        elif "ch2better" in call["kwargs"]["path"]:
            self.scene.idle = False
            self.touch()
            for client in list(self.clients):
                await self.baseline(client)
        else:
            reply |= {"status": "error", "code": "zarr.invalid", "message": f"{call['kwargs']['path']}: .zattrs is not valid JSON (line 3, column 1)"}
        await self.send(socket, "reply.command" if reply["status"] == "ok" else "error.command", reply)

    async def pixel_channel(self, socket):
        self.viewers[socket] = {"seq": 0, "started": False}
        self.force_idr = True
        self.damage.set()
        try:
            await socket.wait_closed()
        finally:
            self.viewers.pop(socket, None)

    async def handle(self, socket, path):
        await (self.state_channel(socket) if path.split("?")[0].endswith("/ws/state") else self.pixel_channel(socket))

    async def page(self, path, headers):
        url = urllib.parse.urlsplit(path)
        token = self.options.token
        extra = []
        if token and f"token={token}" in url.query:
            extra = [("Set-Cookie", f"token={token}; Path=/; SameSite=Strict; HttpOnly")]
        elif token and f"token={token}" not in headers.get("Cookie", ""):
            return http.HTTPStatus.UNAUTHORIZED, [("Content-Type", "text/plain")], b"a token is needed\n"
        if "/ws/" in url.path:
            return None
        file = (WEB / (url.path.lstrip("/") or "index.html")).resolve()
        if not file.is_file() or WEB not in file.parents:
            return http.HTTPStatus.NOT_FOUND, [], b"not found\n"
        kind = "text/javascript" if file.suffix == ".js" else mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws: wss:"
        return http.HTTPStatus.OK, [("Content-Type", kind), ("Content-Security-Policy", csp), ("Cache-Control", "no-store"), *extra], file.read_bytes()

    async def run(self):
        async with websockets.serve(self.handle, self.options.host, self.options.port, process_request=self.page, compression=None, max_size=1 << 20) as server:
            print(f"http://{self.options.host}:{server.sockets[0].getsockname()[1]}/" + (f"?token={self.options.token}" if self.options.token else ""), flush=True)
            drawing = asyncio.create_task(self.draw_loop())
            if self.options.drop_after:
                await asyncio.sleep(self.options.drop_after)
                for socket in [*self.clients, *self.viewers]:
                    await socket.close(1012)
            await drawing


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--token", default="")
    parser.add_argument("--idle", action="store_true")
    parser.add_argument("--drop-after", type=float, default=0)
    asyncio.run(Server(parser.parse_args()).run())
