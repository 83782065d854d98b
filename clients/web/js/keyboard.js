// Keys, wherever the focus is except in a field that needs them itself. The help dialog is made from the same table.

/** @typedef {import('./viewer.js').Viewer} Viewer */

const PAN_FRACTION = 0.1;
const ORBIT_CSS_PX = 10;

/**
 * @typedef {object} Actions  what is not the viewer's
 * @property {() => { width: number, height: number }} videoSize
 * @property {() => void} help
 * @property {() => void} open
 * @property {() => void} toggleVisible
 * @property {() => void} toggleFullscreen
 */

/** Shown in the help dialog; gestures first. */
export const HELP = [
  ['Pointer', [
    ['Wheel', 'zoom at the cursor'],
    ['Drag', 'pan, in 3D orbit'],
    ['Shift + drag', 'pan in 3D'],
    ['Ctrl / Alt + wheel', 'step through slices'],
    ['Double click', 'fit'],
    ['Two fingers', 'pinch to zoom, move to pan'],
  ]],
  ['Keys', [
    ['← →', 'previous, next slice; in 3D orbit'],
    ['Page Up / Down', 'ten slices'],
    ['↑ ↓', 'choose the slider; in 3D orbit'],
    ['Shift + arrows', 'pan'],
    ['+ −', 'zoom'],
    ['0  Home', 'fit'],
    ['2  3  Ctrl + Y', '2D, 3D, toggle'],
    ['P', 'perspective'],
    ['V', 'show or hide the layer'],
    ['O', 'open a data set'],
    ['F', 'full screen'],
    ['?', 'this help'],
  ]],
];

/** @param {EventTarget | null} target @param {string} key */
function needsKey(target, key) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest('dialog[open]')) return true;
  if (target instanceof HTMLInputElement && target.type === 'range') return /^(Arrow|Page|Home|End)/.test(key);
  if (target instanceof HTMLInputElement && target.type === 'checkbox') return key === ' ';
  return target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
}

/** @param {Viewer} viewer @param {Actions} actions */
export function installKeyboard(viewer, actions) {
  window.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || needsKey(event.target, event.key)) return;
    if (event.ctrlKey && !event.altKey && !event.metaKey && event.key.toLowerCase() === 'y') {
      viewer.setDisplay(viewer.is3d ? 2 : 3);
      return event.preventDefault();
    }
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (act(viewer, actions, event)) event.preventDefault();
  });
}

/** @param {Viewer} viewer @param {Actions} actions @param {KeyboardEvent} event @returns {boolean} whether the key meant something */
function act(viewer, actions, event) {
  const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (arrow) return moveBy(viewer, actions, arrow[0], arrow[1], event);
  /** @type {Record<string, () => void>} */
  const table = {
    '+': () => zoomCentre(viewer, actions, 1 / 1.1, event),
    '=': () => zoomCentre(viewer, actions, 1 / 1.1, event),
    '-': () => zoomCentre(viewer, actions, 1.1, event),
    '0': () => viewer.fit(),
    Home: () => viewer.fit(),
    '2': () => viewer.setDisplay(2),
    '3': () => viewer.setDisplay(3),
    PageUp: () => viewer.step(10, undefined, event.timeStamp),
    PageDown: () => viewer.step(-10, undefined, event.timeStamp),
    p: () => viewer.togglePerspective(),
    v: () => actions.toggleVisible(),
    o: () => actions.open(),
    f: () => actions.toggleFullscreen(),
    '?': () => actions.help(),
  };
  const action = table[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  action?.();
  return action !== undefined;
}

/** @param {Viewer} viewer @param {Actions} actions @param {number} x @param {number} y @param {KeyboardEvent} event @returns {true} */
function moveBy(viewer, actions, x, y, event) {
  const { width, height } = actions.videoSize();
  if (event.shiftKey) viewer.pan(-x * width * PAN_FRACTION, -y * height * PAN_FRACTION, event.timeStamp);
  else if (viewer.is3d) viewer.orbit(x * ORBIT_CSS_PX, y * ORBIT_CSS_PX, event.timeStamp);
  else if (x !== 0) viewer.step(x, undefined, event.timeStamp);
  else viewer.activateNext(y);
  return true;
}

/** @param {Viewer} viewer @param {Actions} actions @param {number} factor @param {KeyboardEvent} event */
function zoomCentre(viewer, actions, factor, event) {
  const { width, height } = actions.videoSize();
  viewer.zoom(factor, [width / 2, height / 2], height, event.timeStamp);
}
