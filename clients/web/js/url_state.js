// The view as the part of the address behind '#', so that an address can be kept and sent: to text and back. What comes back was
// typed or sent by somebody, so it is validated member by member; what is wrong is left out. Pure.

/**
 * @typedef {object} ViewState
 * @property {2 | 3} [ndisplay]
 * @property {number[]} [step]            an index for each axis
 * @property {[number, number]} [center]  2-D
 * @property {number} [zoom]              2-D
 * @property {[number, number, number]} [center3]
 * @property {[number, number, number]} [angles]
 * @property {number} [distance]
 * @property {number} [fov]
 * @property {string} [colormap]
 * @property {[number, number]} [contrast]
 * @property {number} [gamma]
 * @property {number} [opacity]
 * @property {string} [interpolation]
 * @property {boolean} [visible]
 */

const round = (/** @type {number} */ value) => Number(value.toPrecision(7));
const list = (/** @type {readonly number[]} */ values) => values.map(round).join(',');

/**
 * @param {ViewState} view
 * @returns {string} without '#'
 */
export function encodeView(view) {
  /** @type {string[]} */
  const parts = [];
  const add = (/** @type {string} */ key, /** @type {string | number | undefined} */ value) => {
    if (value !== undefined) parts.push(`${key}=${encodeURIComponent(value).replaceAll('%2C', ',')}`);
  };
  add('nd', view.ndisplay);
  add('step', view.step && list(view.step));
  if (view.ndisplay === 3) {
    add('center', view.center3 && list(view.center3));
    add('angles', view.angles && list(view.angles));
    add('dist', view.distance === undefined ? undefined : round(view.distance));
    add('fov', view.fov === undefined ? undefined : round(view.fov));
  } else {
    add('center', view.center && list(view.center));
    add('zoom', view.zoom === undefined ? undefined : round(view.zoom));
  }
  add('cmap', view.colormap);
  add('clim', view.contrast && list(view.contrast));
  add('gamma', view.gamma === undefined ? undefined : round(view.gamma));
  add('opacity', view.opacity === undefined ? undefined : round(view.opacity));
  add('interp', view.interpolation);
  if (view.visible === false) add('visible', 0);
  return parts.join('&');
}

/**
 * @param {string} hash  with or without '#'
 * @returns {ViewState}
 */
export function decodeView(hash) {
  const params = new URLSearchParams(hash.replace(/^#/, '').replaceAll('+', '%2B'));
  /** @type {ViewState} */
  const view = {};
  const nd = params.get('nd');
  if (nd === '2' || nd === '3') view.ndisplay = nd === '3' ? 3 : 2;
  const step = numbers(params.get('step'), 1, 32);
  if (step && step.every((value) => Number.isInteger(value) && value >= 0)) view.step = step;
  if (view.ndisplay === 3) {
    view.center3 = /** @type {[number, number, number] | undefined} */ (numbers(params.get('center'), 3, 3));
    view.angles = /** @type {[number, number, number] | undefined} */ (numbers(params.get('angles'), 3, 3));
    view.distance = ranged(params.get('dist'), Number.MIN_VALUE, 1e15);
    view.fov = ranged(params.get('fov'), 0, 120);
  } else {
    view.center = /** @type {[number, number] | undefined} */ (numbers(params.get('center'), 2, 2));
    view.zoom = ranged(params.get('zoom'), 1e-12, 1e12);
  }
  view.colormap = word(params.get('cmap'));
  const contrast = numbers(params.get('clim'), 2, 2);
  if (contrast && contrast[0] < contrast[1]) view.contrast = /** @type {[number, number]} */ (contrast);
  view.gamma = ranged(params.get('gamma'), 0.01, 100);
  view.opacity = ranged(params.get('opacity'), 0, 1);
  view.interpolation = word(params.get('interp'));
  if (params.get('visible') === '0') view.visible = false;
  for (const key of /** @type {(keyof ViewState)[]} */ (Object.keys(view))) if (view[key] === undefined) delete view[key];
  return view;
}

/** @param {string | null} text @param {number} least @param {number} most @returns {number[] | undefined} */
function numbers(text, least, most) {
  if (text === null || text === '') return undefined;
  const values = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  if (values.length < least || values.length > most || !values.every(Number.isFinite)) return undefined;
  return values;
}

/** @param {string | null} text @param {number} low @param {number} high @returns {number | undefined} */
function ranged(text, low, high) {
  const values = numbers(text, 1, 1);
  return values && values[0] >= low && values[0] <= high ? values[0] : undefined;
}

/** @param {string | null} text @returns {string | undefined} */
function word(text) {
  return text && text.length <= 64 && /^[\w -]+$/.test(text) ? text : undefined;
}
