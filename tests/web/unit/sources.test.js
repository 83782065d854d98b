// What the files must be: compiled in completely, no outside resource, nothing that a strict content security policy forbids.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';

import { HELP } from '../../../clients/web/js/keyboard.js';

const WEB = new URL('../../../clients/web/', import.meta.url);
const read = (/** @type {string} */ name) => readFileSync(new URL(name, WEB), 'utf8');
const modules = readdirSync(new URL('js/', WEB)).filter((name) => name.endsWith('.js'));

test('the resource list names every file that a page can ask for', () => {
  const listed = [...read('web.gresource.xml').matchAll(/<file>(.*?)<\/file>/g)].map((match) => match[1]).sort();
  const wanted = ['index.html', 'style.css', 'icon.svg', ...modules.filter((name) => name !== 'types.js').map((name) => `js/${name}`)].sort();
  assert.deepEqual(listed, wanted);
});

test('imports are relative and lead to files', () => {
  for (const name of modules) {
    for (const [, target] of read(`js/${name}`).matchAll(/^import .*from '(.*)';$/gm)) {
      assert.match(target, /^\.\/\w+\.js$/, name);
      assert.ok(modules.includes(target.slice(2)), `${name}: ${target}`);
    }
  }
});

test('no inline script or style, no address outside', () => {
  const html = read('index.html');
  assert.doesNotMatch(html, /\sstyle=|\son\w+=|<style|<script(?![^>]*src=)/);
  for (const name of ['index.html', 'style.css', ...modules.map((file) => `js/${file}`)]) {
    for (const [address] of read(name).matchAll(/\bhttps?:\/\/[^\s'"`]+/g)) assert.match(address, /^http:\/\/127\.0\.0\.1:\$\{/, name);
    assert.doesNotMatch(read(name), /(src|href)="\//, name);
  }
});

test('every control has a name', () => {
  const html = read('index.html');
  for (const [tag] of html.matchAll(/<(input|select)\b[^>]*>/g)) {
    const id = /\bid="([^"]+)"/.exec(tag)?.[1];
    assert.ok(id, tag);
    const inLabel = new RegExp(`<label[^>]*>\\s*<input[^>]*id="${id}"`).test(html);
    assert.ok(inLabel || tag.includes('aria-label') || html.includes(`for="${id}"`), tag);
  }
});

test('modules stay small', () => {
  for (const name of modules) assert.ok(read(`js/${name}`).split('\n').length <= 350, name);
});

test('the help lists gestures and keys', () => {
  assert.deepEqual(HELP.map(([title]) => title), ['Pointer', 'Keys']);
});
