// The view in the address: there and back, and what strangers may put there.

import assert from 'node:assert/strict';
import test from 'node:test';

import { socketUrl, tunnel, withoutToken } from '../../../clients/web/js/address.js';
import { decodeView, encodeView } from '../../../clients/web/js/url_state.js';

const PLANE = {
  ndisplay: /** @type {const} */ (2), step: [157, 0, 12], center: /** @type {[number, number]} */ ([-12.5, 180.25]), zoom: 2.5,
  colormap: 'I Blue', contrast: /** @type {[number, number]} */ ([-3, 255]), gamma: 0.8, opacity: 0.5, interpolation: 'nearest',
};

test('a plane comes back as it went', () => {
  assert.deepEqual(decodeView(`#${encodeView(PLANE)}`), PLANE);
  assert.deepEqual(decodeView(encodeView({ ...PLANE, visible: false })), { ...PLANE, visible: false });
});

test('a volume comes back as it went, and leaves the plane out', () => {
  /** @type {import('../../../clients/web/js/url_state.js').ViewState} */
  const volume = { ndisplay: 3, center3: [1, -2, 3.5], angles: [-30, 1e-7, 0], distance: 1e6, fov: 45 };
  assert.deepEqual(decodeView(encodeView({ ...PLANE, ...volume })), {
    ...volume, step: PLANE.step, colormap: PLANE.colormap, contrast: PLANE.contrast, gamma: 0.8, opacity: 0.5, interpolation: 'nearest',
  });
});

test('exponents with a plus sign survive', () => {
  assert.equal(decodeView('nd=2&zoom=1e+3').zoom, 1000);
});

test('text is short: seven digits, commas unescaped', () => {
  assert.equal(encodeView({ ndisplay: 2, center: [1 / 3, 2], zoom: 2 / 3 }), 'nd=2&center=0.3333333,2&zoom=0.6666667');
});

test('members that make no sense are left out', () => {
  const bad = 'nd=4&step=1,-2&center=1,2,3&zoom=0&clim=5,5&gamma=NaN&opacity=2&cmap=%3Cscript%3E&interp=&foo=bar';
  assert.deepEqual(decodeView(bad), {});
  assert.deepEqual(decodeView('nd=3&center=1,Infinity,2&angles=1,2&dist=-1&fov=121&step=1.5'), { ndisplay: 3 });
  assert.deepEqual(decodeView(`step=${Array(40).fill(1)}`), {});
  assert.deepEqual(decodeView('center=1,&zoom=abc'), {});
});

test('sockets live beside the page, whatever its prefix', () => {
  assert.equal(socketUrl('http://127.0.0.1:8080/?token=x#nd=2', 'ws/state'), 'ws://127.0.0.1:8080/ws/state');
  assert.equal(socketUrl('https://hub.example/user/a/proxy/8080/', 'ws/pixels'), 'wss://hub.example/user/a/proxy/8080/ws/pixels');
});

test('the token leaves the address bar, everything else stays', () => {
  assert.equal(withoutToken('http://h/p/?a=1&token=s3cret&b=2#nd=3'), '/p/?a=1&b=2#nd=3');
  assert.equal(withoutToken('http://h/p/?a=1'), null);
});

test('the tunnel line names this host and port', () => {
  assert.deepEqual(tunnel({ hostname: 'node17', port: '8081' }), { command: 'ssh -N -L 8081:127.0.0.1:8081 node17', address: 'http://127.0.0.1:8081/' });
  assert.equal(tunnel({ hostname: 'node17', port: '' }).command, 'ssh -N -L 8080:127.0.0.1:80 node17');
});
