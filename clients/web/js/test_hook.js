// `window.napariCuda`: what the page knows, read-only, for tests and for the curious in the developer tools.
//
//   connected    both channels are up                     frames      pictures drawn on the canvas
//   counts       {packets, idr, decoded, dropped, resyncs} of the stream since the page was opened
//   idrCount     counts.idr                               lastFrame   {id, sceneVersion, keyframe, seq, drawnMs} or null
//   ackedVersion newest scene version that an ack named    presented   whether the drawn frame shows it, and no intent is on its way
//   rejections   messages of rejected intents, newest last (32 at most)
//   latency      samples in ms, oldest first               dims, pose, layers, axes, stream: copies of the model
//   videoRect()  {left, top, width, height, scale} of the picture on the page, scale in CSS pixels a video pixel

/**
 * @param {object} parts
 * @param {import('./model.js').Model} parts.model
 * @param {import('./canvas_view.js').CanvasView} parts.view
 * @param {import('./decoder.js').StreamDecoder} parts.decoder
 * @param {import('./latency.js').LatencyTracker} parts.latency
 * @param {import('./intents.js').IntentQueue} parts.queue
 * @param {() => boolean} parts.connected
 * @param {{ lastFrame: object | null, lastVersion: number, ackedVersion: number, rejections: string[] }} parts.record
 */
export function installTestHook({ model, view, decoder, latency, queue, connected, record }) {
  const copy = (/** @type {unknown} */ value) => JSON.parse(JSON.stringify(value));
  /** @type {Record<string, () => unknown>} */
  const getters = {
    connected,
    frames: () => view.drawnCount,
    counts: () => ({ ...decoder.counts }),
    idrCount: () => decoder.counts.idr,
    lastFrame: () => record.lastFrame && { ...record.lastFrame },
    ackedVersion: () => record.ackedVersion,
    presented: () => queue.waiting.size === 0 && queue.outstanding.size === 0 && record.lastVersion >= record.ackedVersion,
    rejections: () => [...record.rejections],
    latency: () => [...latency.samples],
    dims: () => copy(model.dims),
    pose: () => copy(model.pose),
    layers: () => copy(model.layers),
    axes: () => copy(model.axes),
    stream: () => ({ width: view.size.width, height: view.size.height, fps: model.stream.fps, codec: decoder.codec }),
    videoRect: () => () => view.picture(),
  };
  const hook = {};
  for (const [name, get] of Object.entries(getters)) Object.defineProperty(hook, name, { get, enumerable: true });
  Object.defineProperty(window, 'napariCuda', { value: Object.freeze(hook) });
}
