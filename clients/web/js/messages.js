// The overlay's texts: each says what is wrong and what to do about it. Pure.

import { tunnel } from './address.js';

/** @typedef {import('./overlay.js').Message} Message */

/** @param {{ hostname: string, port: string }} location @returns {Message} */
export function insecureContext(location) {
  const { command, address } = tunnel(location);
  return {
    title: 'This address cannot show video',
    lines: [
      `Browsers give the video decoder only to secure pages: HTTPS, or an address on this machine. This page came over plain HTTP from ${location.hostname}.`,
      'Open a tunnel in a terminal on this machine, leave it running, and open the second line here, with the token that the server printed:',
    ],
    commands: [command, address],
  };
}

/** @returns {Message} */
export function noWebCodecs() {
  return {
    title: 'This browser has no video decoder for pages',
    lines: ['The picture needs WebCodecs: Chrome or Edge 94, Safari 16.4, Firefox 130, or newer.'],
  };
}

/** @param {string} reason @returns {Message} */
export function undecodable(reason) {
  return {
    title: 'This browser cannot decode the stream',
    lines: [
      `The decoder said: ${reason}`,
      'Builds of Chromium without proprietary codecs have no H.264. Chrome, Edge, Safari and Firefox have.',
    ],
  };
}

/** @param {() => void} retry @returns {Message} */
export function unauthorized(retry) {
  return {
    title: 'The server asks for its token',
    lines: [
      'It was started anew, or this address lost its token. The server prints a complete address when it starts, ending in ?token=…: open that one.',
    ],
    action: { label: 'Try again', run: retry },
  };
}

/** @param {number} status @param {() => void} retry @returns {Message} */
export function noSockets(status, retry) {
  return {
    title: 'The page loads, but its WebSockets do not',
    lines: [
      status === 403
        ? 'The server refused this Host or Origin. Open the address that it printed when it started.'
        : 'A proxy on the way probably does not forward WebSocket upgrades for ws/state and ws/pixels.',
    ],
    action: { label: 'Try again', run: retry },
  };
}

/** @param {() => void} open @returns {Message} */
export function nothingOpen(open) {
  return {
    title: 'Nothing is open yet',
    lines: ['Choose an OME-Zarr image on the server.'],
    action: { label: 'Open…', run: open },
  };
}

/** @returns {Message} */
export function connecting() {
  return { title: 'Connecting…', lines: ['Waiting for the server.'] };
}

/** @param {() => void} retry @returns {Message} */
export function unreachable(retry) {
  return {
    title: 'The server does not answer',
    lines: ['It has stopped, or the tunnel to it is closed. This page keeps trying and continues where it was.'],
    action: { label: 'Try now', run: retry },
  };
}
