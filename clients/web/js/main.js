// Puts the parts together and decides what the user is told about the connection. The only module that creates long-lived objects.

import { socketUrl, withoutToken } from './address.js';
import { CanvasView } from './canvas_view.js';
import { StreamDecoder } from './decoder.js';
import { DimsPanel } from './dims_panel.js';
import { byId, setText } from './dom.js';
import { FileDialog } from './file_dialog.js';
import { Gestures } from './gestures.js';
import { HelpDialog } from './help_dialog.js';
import { IntentQueue } from './intents.js';
import { installKeyboard } from './keyboard.js';
import { LatencyTracker } from './latency.js';
import { LayerPanel } from './layer_panel.js';
import * as messages from './messages.js';
import { Model } from './model.js';
import { Overlay } from './overlay.js';
import { PixelChannel } from './pixel_channel.js';
import { Readout } from './readout.js';
import { ScaleBar } from './scale_bar.js';
import { StateChannel } from './state_channel.js';
import { installTestHook } from './test_hook.js';
import { ViewMemory } from './view_memory.js';
import { Viewer } from './viewer.js';

/** @typedef {import('./types.js').PacketHeader} PacketHeader */

const REJECTIONS_MAX = 32;

class App {
  constructor() {
    this.overlay = new Overlay();
    this.model = new Model();
    this.latency = new LatencyTracker();
    this.view = new CanvasView(byId('view', HTMLCanvasElement), (header, nowMs) => this.#drawn(header, nowMs));
    this.decoder = new StreamDecoder({
      onFrame: (frame, header) => this.view.show(frame, header),
      onKeyframeNeeded: () => this.#requestKeyframe(),
      onUnsupported: (reason) => this.#unsupported(reason),
    });
    this.channel = new StateChannel(socketUrl(document.baseURI, 'ws/state'), {
      onConnecting: () => this.readout.setStatus('connecting', 'connecting'),
      onReady: () => this.#ready(),
      onLost: (lost) => this.#lost(lost),
      onNotify: (topic, payload) => this.model.apply(topic, payload),
      onAck: (ack) => this.#acked(ack),
    });
    this.pixels = new PixelChannel(socketUrl(document.baseURI, 'ws/pixels'), {
      onOpen: () => this.decoder.restart(),
      onPacket: (packet, bytes) => {
        this.readout.bytes.add(performance.now(), bytes);
        this.decoder.feed(packet);
      },
    });
    this.queue = new IntentQueue({
      send: (intent) => this.channel.sendIntent(intent),
      schedule: (callback) => (document.hidden ? setTimeout(callback, 16) : requestAnimationFrame(callback)),
      now: () => performance.now(),
    });
    this.viewer = new Viewer(this.model, this.queue);
    this.readout = new Readout(this.model, this.view, this.latency);
    this.files = new FileDialog(this.channel);
    this.help = new HelpDialog();
    this.layerPanel = new LayerPanel(this.model, this.viewer);
    this.record = { lastFrame: /** @type {object | null} */ (null), lastVersion: -1, ackedVersion: -1, rejections: /** @type {string[]} */ ([]) };
    this.fatal = false;
    this.#wire();
  }

  #wire() {
    new DimsPanel(this.model, this.viewer);
    new ScaleBar(this.model, this.view);
    new Gestures(this.view, this.viewer);
    new ViewMemory(this.model, this.viewer);
    installKeyboard(this.viewer, {
      videoSize: () => this.view.size,
      help: () => this.help.open(),
      open: () => this.files.open(),
      toggleVisible: () => this.layerPanel.toggleVisible(),
      toggleFullscreen: () => toggleFullscreen(),
    });
    byId('open', HTMLButtonElement).addEventListener('click', () => this.files.open());
    byId('show-help', HTMLButtonElement).addEventListener('click', () => this.help.open());
    window.addEventListener('online', () => this.channel.retryNow());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.channel.retryNow(); });
    this.model.listen((topic) => {
      if (topic === 'scene') this.#showScene();
      if (topic === 'stream') this.decoder.setRecord(this.model.stream.avcc);
    });
    const { model, view, decoder, latency, queue, record } = this;
    installTestHook({ model, view, decoder, latency, queue, record, connected: () => this.channel.ready && this.pixels.open });
  }

  start() {
    const clean = withoutToken(location.href);
    if (clean !== null) history.replaceState(null, '', clean);
    if (!window.isSecureContext) return this.#stopWith(messages.insecureContext(location));
    if (typeof VideoDecoder === 'undefined') return this.#stopWith(messages.noWebCodecs());
    this.overlay.show(messages.connecting());
    this.channel.start();
  }

  /** @param {import('./overlay.js').Message} message */
  #stopWith(message) {
    this.fatal = true;
    this.channel.stop();
    this.pixels.stop();
    this.overlay.clearNote();
    this.overlay.show(message);
    this.readout.setStatus('lost', 'not connected');
  }

  #ready() {
    this.readout.setStatus('connected', 'connected');
    this.overlay.clearNote();
    document.body.classList.remove('lost');
    this.pixels.start();
  }

  #showScene() {
    const name = this.model.layers[0]?.name || this.model.sourcePath.split('/').pop() || '';
    setText(byId('dataset', HTMLElement), this.model.idle ? 'no data set' : name);
    byId('dataset', HTMLElement).title = this.model.sourcePath;
    document.title = this.model.idle ? 'napari-cuda' : `${name} – napari-cuda`;
    if (this.model.idle) this.overlay.show(messages.nothingOpen(() => this.files.open()));
    else if (!this.fatal) this.overlay.hide();
  }

  /** @param {{ code: number, reason: string, wasReady: boolean, retryMs: number }} lost */
  #lost({ reason, wasReady, retryMs }) {
    this.queue.clear();
    this.latency.reset();
    this.pixels.stop();
    this.record.ackedVersion = -1;
    this.record.lastVersion = -1;
    document.body.classList.add('lost');
    this.readout.setStatus('lost', 'disconnected');
    const retry = { label: 'Try now', run: () => this.channel.retryNow() };
    const why = reason ? ` (${reason.replaceAll('_', ' ')})` : '';
    this.overlay.say(`${wasReady ? 'Connection lost' : 'No connection'}${why}. Trying again in ${(retryMs / 1000).toFixed(1)} s.`, retry);
    if (!wasReady) void this.#diagnose();
  }

  /** A failed WebSocket does not tell why; the page's own address does. */
  async #diagnose() {
    const retry = () => this.channel.retryNow();
    let status = 0;
    try {
      status = (await fetch('./', { cache: 'no-store', credentials: 'same-origin' })).status;
    } catch {
      // Nothing answers: status stays 0.
    }
    if (this.channel.ready || this.fatal) return;
    if (status === 401) this.overlay.show(messages.unauthorized(() => location.reload()));
    else if (status === 0 || status >= 500) this.overlay.show(messages.unreachable(retry));
    else this.overlay.show(messages.noSockets(status, retry));
  }

  /** @param {string} reason */
  #unsupported(reason) {
    if (!this.fatal) this.#stopWith(messages.undecodable(reason));
  }

  #requestKeyframe() {
    // A lost session takes the request with it; a new one begins with a keyframe anyway.
    this.channel.command('napari.pixel.request_keyframe').catch(() => {});
  }

  /** @param {{ intentId: string, accepted: boolean, sceneVersion: number | null, message: string }} ack */
  #acked({ intentId, accepted, sceneVersion, message }) {
    const inputMs = this.queue.answered(intentId);
    if (!accepted) {
      this.record.rejections.push(message);
      if (this.record.rejections.length > REJECTIONS_MAX) this.record.rejections.shift();
      this.overlay.say(`The server refused: ${message}`, null, 4000);
      this.layerPanel.refresh();
      return;
    }
    if (sceneVersion === null) return;
    this.record.ackedVersion = Math.max(this.record.ackedVersion, sceneVersion);
    if (inputMs !== null) this.latency.acked(sceneVersion, inputMs);
  }

  /** @param {PacketHeader} header @param {number} nowMs */
  #drawn(header, nowMs) {
    this.readout.frames.add(nowMs);
    this.record.lastFrame = { id: header.frameId, sceneVersion: header.sceneVersion, keyframe: header.keyframe, seq: header.seq, drawnMs: nowMs };
    if (header.sceneVersion === null) return;
    this.record.lastVersion = header.sceneVersion;
    this.latency.drawn(header.sceneVersion, nowMs);
  }
}

function toggleFullscreen() {
  if (document.fullscreenElement) void document.exitFullscreen();
  else document.documentElement.requestFullscreen().catch(() => {});
}

new App().start();
