// Addresses, all relative to the page, so that the client works behind any path prefix; and the token's way out of the address bar. Pure.

/**
 * @param {string} page   address of the page
 * @param {string} path   "ws/state"
 * @returns {string}
 */
export function socketUrl(page, path) {
  const url = new URL(path, page);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = '';
  url.hash = '';
  return url.href;
}

/**
 * @param {string} page
 * @returns {string | null} the address without its token; null where there is none
 */
export function withoutToken(page) {
  const url = new URL(page);
  if (!url.searchParams.has('token')) return null;
  url.searchParams.delete('token');
  return url.pathname + url.search + url.hash;
}

/**
 * The tunnel that makes the page a secure context for its browser: 127.0.0.1 is one, even over plain HTTP.
 * @param {{ hostname: string, port: string }} location
 * @returns {{ command: string, address: string }}
 */
export function tunnel(location) {
  const port = location.port || '80';
  const local = Number(port) < 1024 ? '8080' : port;
  return { command: `ssh -N -L ${local}:127.0.0.1:${port} ${location.hostname}`, address: `http://127.0.0.1:${local}/` };
}
