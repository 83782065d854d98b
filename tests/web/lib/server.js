// Starts the real server for a test and learns its address from what it prints.

import { spawn } from 'node:child_process';

import { until } from './viewer_page.js';

/**
 * @param {string} program
 * @param {string[]} options  of `serve`, the data set first; without a --port it takes a free one
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>}
 */
export async function serve(program, options) {
  const port = options.includes('--port') ? [] : ['--port', '0'];
  const child = spawn(program, ['serve', ...options, ...port], { stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { printed += chunk; });
  const exited = new Promise((resolve) => { child.on('exit', resolve); });
  try {
    const url = await until('the server to print its address', async () => {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${printed}`);
      return /http:\/\/127\.0\.0\.1:\d+\/(\?token=[\w-]+)?(?=\s)/.exec(printed)?.[0] ?? '';
    });
    return { url, stop: async () => { child.kill('SIGTERM'); await exited; } };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}
