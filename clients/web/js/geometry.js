// Where things are: the picture inside its element, pointer to video pixels, wheel to zoom, round lengths. Pure.

/** @typedef {{ left: number, top: number, width: number, height: number }} Rect */

/**
 * The largest rectangle of the video's aspect, centred: what `object-fit: contain` shows.
 * @param {Rect} box
 * @param {number} videoWidth
 * @param {number} videoHeight
 * @returns {Rect & { scale: number }} scale is CSS pixels a video pixel
 */
export function fitRect(box, videoWidth, videoHeight) {
  const scale = Math.min(box.width / videoWidth, box.height / videoHeight);
  const width = videoWidth * scale;
  const height = videoHeight * scale;
  return { left: box.left + (box.width - width) / 2, top: box.top + (box.height - height) / 2, width, height, scale };
}

/**
 * @param {Rect & { scale: number }} picture
 * @param {number} x  client coordinates
 * @param {number} y
 * @returns {[number, number]} video pixels, origin top-left, clamped into the picture
 */
export function toVideo(picture, x, y) {
  const clamp = (/** @type {number} */ value, /** @type {number} */ max) => Math.min(max, Math.max(0, value));
  return [clamp(x - picture.left, picture.width) / picture.scale, clamp(y - picture.top, picture.height) / picture.scale];
}

/**
 * A wheel's turn in notches, up is negative as in the event. Mice report about 100 or 120 pixels a notch, or three lines; trackpads
 * report many small steps.
 * @param {{ deltaY: number, deltaMode: number }} event
 */
export function wheelNotches(event) {
  if (event.deltaMode === 1) return event.deltaY / 3;
  if (event.deltaMode === 2) return event.deltaY;
  return event.deltaY / 100;
}

/**
 * @param {number} notches
 * @returns {number} the wire's factor: below 1 magnifies
 */
export function zoomFactor(notches) {
  return 1.1 ** Math.min(10, Math.max(-10, notches));
}

/**
 * @param {number} length
 * @returns {number} the largest 1, 2 or 5 times a power of ten that is not longer
 */
export function roundLength(length) {
  if (!(length > 0) || !Number.isFinite(length)) return 0;
  const power = 10 ** Math.floor(Math.log10(length) + 1e-12);
  const mantissa = length / power;
  return (mantissa >= 5 ? 5 : mantissa >= 2 ? 2 : 1) * power;
}

const UNITS = new Map(Object.entries({
  micrometer: 'µm', micrometre: 'µm', micron: 'µm', um: 'µm', millimeter: 'mm', millimetre: 'mm', nanometer: 'nm', nanometre: 'nm',
  centimeter: 'cm', centimetre: 'cm', meter: 'm', metre: 'm', angstrom: 'Å', second: 's', millisecond: 'ms', minute: 'min', hour: 'h',
}));

/** @param {string} unit @returns {string} "mm" for "millimeter" */
export function shortUnit(unit) {
  return UNITS.get(unit.toLowerCase()) ?? unit;
}

/**
 * A number as a person would write it: about `digits` significant ones, no trailing zeros.
 * @param {number} value
 * @param {number} [digits]
 */
export function formatNumber(value, digits = 4) {
  if (!Number.isFinite(value)) return '–';
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
  const text = value.toPrecision(digits);
  return String(Number(text));
}
