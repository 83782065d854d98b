#!/usr/bin/env node
// What a page does when things go wrong: the server stops and comes back, comes back with another token, is not there, refuses the page, sits behind
// a proxy without WebSockets, or is reached over plain HTTP from elsewhere. Prints one line a check, exits 1 when one fails.
//
//   browser_recovery.mjs PROGRAM DATA

import { readFile } from 'node:fs/promises';
import http from 'node:http';

import { launch, newPage } from '../web/lib/browser.js';
import { serve } from '../web/lib/server.js';
import { until, ViewerPage } from '../web/lib/viewer_page.js';

const WEB = new URL('../../clients/web/', import.meta.url);
const ELSEWHERE = 'lab.example';
const BACK_MS_MAX = 12000;  // the longest pause between two attempts, and a start

let failed = 0;

/** @param {string} name @param {boolean} ok @param {string} evidence */
function check(name, ok, evidence) {
  if (!ok) failed += 1;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}: ${evidence}`);
}

/** @param {import('../web/lib/browser.js').Page} page @param {RegExp} text @param {string} selector */
async function says(page, text, selector = '#overlay') {
  /** @type {string} */
  let seen = '';
  await until(`${selector} to say ${text}`, async () => {
    seen = await page.evaluate((wanted) => {
      const element = document.querySelector(wanted);
      return element instanceof HTMLElement && !element.hidden ? element.innerText : '';
    }, selector);
    return text.test(seen);
  });
  return seen.replace(/\s+/g, ' ').slice(0, 100);
}

/** @param {import('../web/lib/browser.js').Page} page @returns {Promise<number>} */
function brightPixels(page) {
  return page.evaluate(() => {
    const canvas = document.querySelector('canvas');
    const data = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    let count = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i] > 60) count += 1;
    return count;
  });
}

/** The real server goes, returns, and returns as a stranger. @param {string} program @param {string} data */
async function restarts(program, data) {
  const browser = await launch();
  let server = await serve(program, [data, '--token', 'first-secret-of-the-test']);
  const port = new URL(server.url).port;
  try {
    const { page, errors } = await newPage(browser);
    const viewer = new ViewerPage(page, errors);
    await viewer.open(server.url);
    await server.stop();
    check('a lost server is reported', true, await says(page, /Connection lost|No connection/, '#note'));
    const bright = await brightPixels(page);
    check('the last picture stays', bright > 10000, `${bright} bright pixels`);
    check('a server that is gone is explained', true, await says(page, /does not answer/));
    const stopped = (await viewer.hook()).frames;
    server = await serve(program, [data, '--token', 'first-secret-of-the-test', '--port', port]);
    const begin = performance.now();
    await until('a new picture', async () => (await viewer.hook()).frames > stopped);
    const tookMs = performance.now() - begin;
    const hidden = await page.evaluate(() => document.getElementById('overlay')?.hidden === true && document.getElementById('note')?.hidden === true);
    check('the page comes back by itself', hidden && tookMs < BACK_MS_MAX, `a picture ${(tookMs / 1000).toFixed(1)} s after the server listened`);
    await viewer.page.focus('#view');
    await viewer.page.keyboard.press('ArrowRight');
    await viewer.settled();
    check('and works', (await viewer.hook()).rejections.length === 0, 'a slice was stepped');
    await server.stop();
    server = await serve(program, [data, '--token', 'second-secret-of-the-test', '--port', port]);
    check('another token is explained', true, await says(page, /asks for its token/));
  } finally {
    await server.stop();
    await browser.close();
  }
}

/** The client's files alone, without sockets. @returns {Promise<{ port: number, close: () => void }>} */
async function serveFiles() {
  const kinds = new Map([['html', 'text/html'], ['js', 'text/javascript'], ['css', 'text/css'], ['svg', 'image/svg+xml']]);
  const server = http.createServer(async (request, response) => {
    const name = new URL(request.url ?? '/', 'http://h').pathname.slice(1) || 'index.html';
    try {
      const body = await readFile(new URL(name, WEB));
      response.writeHead(200, { 'Content-Type': kinds.get(name.split('.').pop() ?? '') ?? 'text/plain' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(undefined)); });
  const address = server.address();
  if (!address || typeof address === 'string') throw new Error('no port');
  return { port: address.port, close: () => { server.closeAllConnections(); server.close(); } };
}

async function explanations() {
  const files = await serveFiles();
  const browser = await launch([`--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1`]);
  try {
    const { page } = await newPage(browser);
    await page.goto(`http://127.0.0.1:${files.port}/?token=abc&keep=1#nd=2`);
    check('a proxy without WebSockets is explained', true, await says(page, /WebSockets do not/));
    check('only the token leaves the address', page.url().endsWith('/?keep=1#nd=2'), page.url());
    await page.goto(`http://${ELSEWHERE}:${files.port}/`);
    const text = await says(page, /cannot show video/);
    const line = await page.evaluate(() => document.querySelector('.command code')?.textContent);
    check('plain HTTP from elsewhere gets the tunnel', line === `ssh -N -L ${files.port}:127.0.0.1:${files.port} ${ELSEWHERE}`, `${text} … ${line}`);
  } finally {
    await browser.close();
    files.close();
  }
}

const [program, data] = process.argv.slice(2);
if (!program || !data) {
  console.error('usage: browser_recovery.mjs PROGRAM DATA');
  process.exit(2);
}
try {
  await explanations();
  await restarts(program, data);
} catch (error) {
  failed += 1;
  console.log(`FAIL ${error instanceof Error ? error.message : error}`);
}
process.exitCode = failed > 0 ? 1 : 0;
