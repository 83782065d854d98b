#!/usr/bin/env node
// Headless Chromium against the real server: drags, zooms, steps, goes to 3-D, orbits, and lets a second page join. Saves every canvas and the
// state that it should show; browser_judge.py, which knows the data and docs/drawing.md, then says whether the pictures are right.
//
//   browser_test.mjs OUT --url http://127.0.0.1:8080/?token=…     a server that runs already
//   browser_test.mjs OUT --serve PROGRAM DATA [option…]           starts one on a free port, stops it with SIGTERM
//
// OUT gets states.json, the canvases, and screenshots of whole pages. Needs `npm ci` in tests/web. Exits 1 when a step cannot be done.

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { launch, newPage } from '../web/lib/browser.js';
import { serve } from '../web/lib/server.js';
import { until, ViewerPage } from '../web/lib/viewer_page.js';

const ORBIT_CSS_PX_90 = 180;

/** @typedef {{ name: string, ok: boolean, evidence: string }} Check */

class Run {
  /** @param {string} out @param {string} url */
  constructor(out, url) {
    this.out = out;
    this.url = url;
    /** @type {any[]} */ this.states = [];
    /** @type {any[]} */ this.drags = [];
    /** @type {any[]} */ this.zooms = [];
    /** @type {any[]} */ this.orbits = [];
    /** @type {Check[]} */ this.checks = [];
  }

  /** @param {string} name @param {boolean} ok @param {string} evidence */
  check(name, ok, evidence) {
    this.checks.push({ name, ok, evidence });
  }

  /** @param {ViewerPage} viewer @param {string} name */
  async save(viewer, name) {
    console.log(`saving ${name}`);
    this.states.push(await viewer.save(this.out, name));
  }

  write() {
    const { states, drags, zooms, orbits, checks } = this;
    return writeFile(path.join(this.out, 'states.json'), JSON.stringify({ states, drags, zooms, orbits, checks }, null, 1));
  }
}

/** A whole number of CSS pixels, about `near`, that is a whole number of video pixels. @param {number} near @param {number} scale */
function wholeShift(near, scale) {
  let best = near;
  for (let css = near - 20; css <= near + 20; css++) {
    const error = (/** @type {number} */ value) => Math.abs(value / scale - Math.round(value / scale));
    if (error(css) < error(best) - 1e-9) best = css;
  }
  return best;
}

/** @param {Run} run @param {ViewerPage} viewer */
async function openPage(run, viewer) {
  await viewer.open(run.url);
  const address = viewer.page.url();
  run.check('token leaves the address', !address.includes('token='), address.replace(/#.*/, ''));
  const scrolls = await viewer.page.evaluate(() => [document.documentElement, document.querySelector('.panel')]
    .some((element) => element !== null && (element.scrollHeight > element.clientHeight || element.scrollWidth > element.clientWidth)));
  run.check('no scrolling at 1280x720', !scrolls, `${scrolls}`);
  await viewer.page.selectOption('#colormap', 'gray');
  await viewer.page.selectOption('#interpolation', 'linear');
  await viewer.page.focus('#view');
  await viewer.page.keyboard.press('2');
  await viewer.page.keyboard.press('Home');
  await viewer.settled();
  await run.save(viewer, 'plane-fit');
}

/** @param {Run} run @param {ViewerPage} viewer */
async function dragPlane(run, viewer) {
  const { scale } = await viewer.rect();
  const [dx, dy] = [wholeShift(120, scale), wholeShift(40, scale)];
  await viewer.drag(dx, dy);
  await run.save(viewer, 'plane-dragged');
  run.drags.push({ before: 'plane-fit', after: 'plane-dragged', dx: dx / scale, dy: dy / scale });
}

/** @param {Run} run @param {ViewerPage} viewer */
async function zoomPlane(run, viewer) {
  const { left, top, width, height, scale } = await viewer.rect();
  const [x, y] = [Math.round(left + width * 0.58), Math.round(top + height * 0.44)];
  await viewer.wheel(x, y, -4);
  await run.save(viewer, 'plane-zoomed');
  run.zooms.push({ before: 'plane-dragged', after: 'plane-zoomed', anchor: [(x - left) / scale, (y - top) / scale] });
}

/** @param {Run} run @param {ViewerPage} viewer */
async function stepSlices(run, viewer) {
  const { left, top, width, height } = await viewer.rect();
  const step = async () => (await viewer.hook()).dims.step[0];
  const first = await step();
  await viewer.wheel(left + width / 2, top + height / 2, -3, 'Control');
  const second = await step();
  run.check('modifier and wheel step', second === first + 3, `${first} -> ${second}`);
  await run.save(viewer, 'slice-wheel');
  await viewer.page.focus('#view');
  for (let i = 0; i < 2; i++) await viewer.page.keyboard.press('ArrowLeft');
  await viewer.page.keyboard.press('PageDown');
  await viewer.settled();
  const third = await step();
  run.check('keys step', third === second - 12, `${second} -> ${third}`);
  await run.save(viewer, 'slice-keys');
  const wanted = Math.max(0, first - 40);
  await viewer.page.fill('#sliders .number', String(wanted));
  await viewer.page.keyboard.press('Enter');
  await viewer.when(`napariCuda.dims.step[0] === ${wanted}`);
  await run.save(viewer, 'slice-typed');
  await viewer.page.focus('#sliders input[type=range]');
  await viewer.page.keyboard.press('ArrowRight');
  await viewer.when(`napariCuda.dims.step[0] === ${wanted + 1}`);
  await run.save(viewer, 'slice-slider');
}

/** @param {Run} run @param {ViewerPage} viewer */
async function orbitVolume(run, viewer) {
  await viewer.page.focus('#view');
  await viewer.page.keyboard.press('0');
  await viewer.page.keyboard.press('3');
  await viewer.when('napariCuda.dims.ndisplay === 3 && napariCuda.pose.volume !== null');
  await run.save(viewer, 'volume-start');
  await viewer.page.evaluate(() => { location.hash = 'nd=3&angles=0,0,0&fov=0'; });
  await viewer.when('napariCuda.pose.volume.angles.every((angle) => Math.abs(angle) < 1e-6) && napariCuda.pose.volume.fov === 0');
  await run.save(viewer, 'volume-front');
  await viewer.drag(ORBIT_CSS_PX_90, 0);
  await run.save(viewer, 'volume-side');
  run.orbits.push({ before: 'volume-front', after: 'volume-side' });
  await viewer.drag(-80, 50);
  await run.save(viewer, 'volume-oblique');
  await viewer.page.focus('#view');
  await viewer.page.keyboard.press('p');
  await viewer.when('napariCuda.pose.volume.fov > 0');
  await run.save(viewer, 'volume-perspective');
  const { left, top, width, height } = await viewer.rect();
  const before = (await viewer.hook()).pose.volume;
  await viewer.wheel(left + width / 2, top + height / 2, -2);
  await viewer.drag(60, 20, 'Shift');
  const after = (await viewer.hook()).pose.volume;
  run.check('wheel and shift-drag move in 3-D', after.distance < before.distance && JSON.stringify(after.center) !== JSON.stringify(before.center)
    && JSON.stringify(after.angles) === JSON.stringify(before.angles), `distance ${before.distance.toFixed(1)} -> ${after.distance.toFixed(1)}, center (${before.center}) -> (${after.center})`);
  await run.save(viewer, 'volume-moved');
}

/** The page as the README shows it: a view and controls that flatter the demo, taken by the address as a user would. @param {Run} run @param {ViewerPage} viewer */
async function takePictures(run, viewer) {
  const shoot = async (/** @type {string} */ name) => {
    await until('the readout to come to rest', () => viewer.page.evaluate(() => document.getElementById('fps')?.textContent === 'still'));
    await viewer.page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur());
    await viewer.page.screenshot({ path: path.join(run.out, name) });
  };
  const { layers: [layer], dims } = await viewer.hook();
  const [low, high] = layer.contrastRange;
  const limits = (/** @type {number} */ a, /** @type {number} */ b) => [a, b].map((part) => Math.round(low + part * (high - low)));
  const show = async (/** @type {string} */ hash, /** @type {number} */ ndisplay) => {
    await viewer.page.evaluate((text) => { location.hash = text; }, hash);
    await viewer.when(`napariCuda.dims.ndisplay === ${ndisplay}`);
  };
  await show(`nd=2&step=${dims.sizes.map((/** @type {number} */ size) => Math.floor(size / 2))}&cmap=gray&clim=${limits(0, 0.46)}&gamma=1`, 2);
  await shoot('page-2d.png');
  await viewer.page.setViewportSize({ width: 1920, height: 1080 });
  await shoot('page-2d-1920x1080.png');
  await viewer.page.setViewportSize({ width: 1280, height: 720 });
  await show('nd=3', 3);
  await viewer.page.keyboard.press('Home');
  await viewer.settled();
  const distance = 0.62 * (await viewer.hook()).pose.volume.distance;
  await show(`nd=3&angles=-40,20,0&dist=${distance}&fov=0&cmap=inferno&clim=${limits(0.34, 0.58)}&gamma=1.1`, 3);
  await shoot('page-3d.png');
  await viewer.page.keyboard.press('?');
  await shoot('page-help.png');
  await viewer.page.keyboard.press('Escape');
}

/** @param {Run} run @param {ViewerPage} first @param {import('../web/lib/browser.js').Browser} browser */
async function secondPageJoins(run, first, browser) {
  const before = (await first.hook()).idrCount;
  const { page, errors } = await newPage(browser, { width: 1920, height: 1080 });
  const second = new ViewerPage(page, errors);
  await second.open(run.url);
  await first.settled();
  const joined = (await first.hook()).idrCount - before;
  run.check('a join costs one IDR', joined === 1, `${joined} IDR in the first page's stream`);
  await second.page.focus('#view');
  await second.page.keyboard.press('2');
  await until('the first page to follow', async () => (await first.hook()).dims.ndisplay === 2);
  await first.settled();
  await second.settled();
  const [a, b] = await Promise.all([first.hook(), second.hook()]);
  run.check('both pages show one scene', JSON.stringify(a.pose) === JSON.stringify(b.pose) && a.lastFrame.id === b.lastFrame.id, `frames ${a.lastFrame.id} and ${b.lastFrame.id}`);
  run.check('no error in the consoles', first.errors.length + errors.length === 0, [...first.errors, ...errors].join('; ') || 'none');
}

/** @param {Run} run @param {ViewerPage} viewer */
async function reloadRestores(run, viewer) {
  const { left, top, width, height } = await viewer.rect();
  await viewer.wheel(left + width * 0.4, top + height * 0.5, -3);
  const before = await viewer.hook();
  await until('the address to follow', async () => new RegExp(`zoom=${before.pose.plane.zoom.toPrecision(4).replace('.', '\\.')}`).test(viewer.page.url()));
  const address = viewer.page.url();
  await viewer.page.focus('#view');
  await viewer.page.keyboard.press('Home');
  await viewer.settled();
  await viewer.page.goto('about:blank');
  await viewer.open(address);
  const after = await viewer.hook();
  const error = Math.abs(after.pose.plane.zoom / before.pose.plane.zoom - 1) + Math.hypot(...[0, 1].map((k) => after.pose.plane.center[k] - before.pose.plane.center[k]));
  run.check('the address restores the view', error < 1e-3, `error ${error.toExponential(1)}`);
}

/** @param {Run} run @param {ViewerPage} viewer */
async function reportFigures(run, viewer) {
  const { latency, counts, rejections, frames } = await viewer.hook();
  const sorted = [...latency].sort((a, b) => a - b);
  const at = (/** @type {number} */ fraction) => sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))];
  run.check('input to presented', sorted.length >= 20, `p50 ${at(0.5)?.toFixed(0)} ms, p95 ${at(0.95)?.toFixed(0)} ms over ${sorted.length} inputs`);
  run.check('no intent refused', rejections.length === 0, rejections.join('; ') || 'none');
  run.check('no resync', counts.resyncs === 0, `${frames} pictures drawn, ${JSON.stringify(counts)}`);
}

/** @param {string} out @param {string} url */
async function main(out, url) {
  await mkdir(out, { recursive: true });
  const run = new Run(out, url);
  const browser = await launch();
  try {
    const { page, errors } = await newPage(browser);
    const viewer = new ViewerPage(page, errors);
    await openPage(run, viewer);
    await dragPlane(run, viewer);
    await zoomPlane(run, viewer);
    await stepSlices(run, viewer);
    await orbitVolume(run, viewer);
    await secondPageJoins(run, viewer, browser);
    await reportFigures(run, viewer);
    await reloadRestores(run, viewer);
    await viewer.page.keyboard.press('Home');
    await takePictures(run, viewer);
  } finally {
    await run.write();
    await browser.close();
  }
}

const [out, mode, ...rest] = process.argv.slice(2);
if (!out || rest.length === 0 || (mode !== '--url' && mode !== '--serve')) {
  console.error('usage: browser_test.mjs OUT (--url URL | --serve PROGRAM DATA [option…])');
  process.exit(2);
}
const server = mode === '--serve' ? await serve(rest[0], rest.slice(1)) : { url: rest[0], stop: async () => {} };
try {
  await main(out, server.url);
} catch (error) {
  console.error(error instanceof Error ? error.stack : error);
  process.exitCode = 1;
} finally {
  await server.stop();
}
