// The client's page as a test sees it: its hook, its canvas bit by bit, the pointer in the picture. Waits poll with a deadline.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';

/** @typedef {import('playwright-core').Page} Page */

const DEADLINE_MS = Number(process.env.BROWSER_TEST_DEADLINE_MS ?? 60000);
const QUIET_MS = 900;  // longer than the pause between two settle frames

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} probe  truthy ends the wait
 * @returns {Promise<T>}
 */
export async function until(what, probe) {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`waited ${DEADLINE_MS / 1000} s for ${what}`);
    await pause(40);
  }
}

export class ViewerPage {
  /** @param {Page} page @param {string[]} errors */
  constructor(page, errors) {
    this.page = page;
    this.errors = errors;
  }

  /** @param {string} url */
  async open(url) {
    await this.page.goto(url);
    await until('the first picture', () => this.#eval('napariCuda.connected && napariCuda.frames > 0'));
    await this.settled();
  }

  /** A copy of what the hook knows. @returns {Promise<any>} */
  hook() {
    return this.#eval('({ ...napariCuda })');
  }

  /** @param {string} expression @returns {Promise<any>} */
  #eval(expression) {
    return this.page.evaluate(expression);
  }

  /** No intent is on its way, the newest frame shows them all, and none has come for a while. */
  settled() {
    return until('the picture to settle', () => this.#eval(`(() => {
      const { presented, lastFrame } = napariCuda;
      return presented && lastFrame && performance.now() - lastFrame.drawnMs > ${QUIET_MS};
    })()`));
  }

  /** @param {string} expression  over `napariCuda` */
  async when(expression) {
    await until(expression, () => this.#eval(expression));
    await this.settled();
  }

  /** @returns {Promise<{ left: number, top: number, width: number, height: number, scale: number }>} */
  rect() {
    return this.#eval('napariCuda.videoRect()');
  }

  /** The canvas as it is, and the state that it should show. @param {string} folder @param {string} name */
  async save(folder, name) {
    const png = await this.#eval(`new Promise((resolve) => document.getElementById('view').toBlob((blob) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.split(',')[1]);
      reader.readAsDataURL(blob);
    }, 'image/png'))`);
    const file = `${name}.png`;
    await writeFile(path.join(folder, file), Buffer.from(png, 'base64'));
    const { dims, pose, layers, axes, stream, lastFrame } = await this.hook();
    return { name, file, dims, pose, layers, axes, stream, lastFrame };
  }

  /**
   * Presses in the middle of the picture and moves, one step an animation frame.
   * @param {number} dx  CSS pixels
   * @param {number} dy
   * @param {string} [modifier]
   */
  async drag(dx, dy, modifier) {
    const { left, top, width, height } = await this.rect();
    const [x, y] = [Math.round(left + width / 2 - dx / 2), Math.round(top + height / 2 - dy / 2)];
    if (modifier) await this.page.keyboard.down(modifier);
    await this.page.mouse.move(x, y);
    await this.page.mouse.down();
    const steps = 12;
    for (let i = 1; i <= steps; i++) {
      await this.page.mouse.move(x + Math.round((dx * i) / steps), y + Math.round((dy * i) / steps));
      await this.#eval('new Promise(requestAnimationFrame)');
    }
    await this.page.mouse.up();
    if (modifier) await this.page.keyboard.up(modifier);
    await this.settled();
  }

  /**
   * @param {number} x  client
   * @param {number} y
   * @param {number} notches  negative is up
   * @param {string} [modifier]
   */
  async wheel(x, y, notches, modifier) {
    await this.page.mouse.move(x, y);
    if (modifier) await this.page.keyboard.down(modifier);
    for (let i = 0; i < Math.abs(notches); i++) {
      await this.page.mouse.wheel(0, 100 * Math.sign(notches));
      await this.#eval('new Promise(requestAnimationFrame)');
    }
    if (modifier) await this.page.keyboard.up(modifier);
    await this.settled();
  }
}
