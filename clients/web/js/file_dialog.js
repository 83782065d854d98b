// Chooses a data set on the server: lists folders through fs.listdir, opens with napari.load_zarr. Sees only what the server shows.

import { byId, make, setText } from './dom.js';
import { CommandError } from './state_channel.js';

/** @typedef {import('./state_channel.js').StateChannel} StateChannel */
/** @typedef {import('./types.js').DirectoryEntry} DirectoryEntry */

export class FileDialog {
  /** @param {StateChannel} channel */
  constructor(channel) {
    this.channel = channel;
    this.dialog = byId('files', HTMLDialogElement);
    this.list = byId('files-list', HTMLElement);
    this.path = byId('files-path', HTMLElement);
    this.message = byId('files-message', HTMLElement);
    this.up = byId('files-up', HTMLButtonElement);
    this.current = '';
    this.ticket = 0;
    this.up.addEventListener('click', () => this.#list(parentOf(this.current)));
    byId('files-close', HTMLButtonElement).addEventListener('click', () => this.dialog.close());
  }

  open() {
    if (this.dialog.open) return;
    this.dialog.showModal();
    this.#list(this.current || null);
  }

  /** @param {string | null} path  null is the server's root */
  async #list(path) {
    const ticket = (this.ticket += 1);
    this.dialog.setAttribute('aria-busy', 'true');
    this.message.classList.remove('bad');
    setText(this.message, '');
    try {
      const result = await this.channel.command('fs.listdir', { path, show_hidden: false, only: ['.zarr'] });
      if (ticket !== this.ticket) return;
      this.current = String(result.path ?? '');
      // The mark keeps the leading slash in front: the element cuts long paths on the left, where they matter least.
      setText(this.path, `\u200e${this.current}`);
      this.#show(toEntries(result.entries), result.has_more === true);
    } catch (error) {
      if (ticket === this.ticket) this.#fail(error);
    } finally {
      if (ticket === this.ticket) this.dialog.removeAttribute('aria-busy');
    }
  }

  /** @param {DirectoryEntry[]} entries @param {boolean} more */
  #show(entries, more) {
    this.list.replaceChildren(...entries.map((entry) => this.#row(entry)));
    if (entries.length === 0) setText(this.message, 'This folder holds no folder and no data set.');
    else if (more) setText(this.message, 'Only the first 1000 entries are shown.');
    const first = this.list.querySelector('button');
    if (first instanceof HTMLButtonElement) first.focus();
  }

  /** @param {DirectoryEntry} entry */
  #row(entry) {
    const button = make('button', entry.isDataset ? 'entry image' : 'entry');
    button.type = 'button';
    const kind = entry.isDataset ? 'image' : entry.children.length > 0 ? `${entry.children.length} images` : entry.isDirectory ? 'folder' : '';
    const date = entry.modifiedS > 0 ? new Date(entry.modifiedS * 1000).toLocaleDateString() : '';
    button.append(make('span', 'entry-name', entry.name), make('span', 'entry-kind', kind), make('span', 'entry-date', date));
    button.addEventListener('click', () => (entry.isDataset ? this.#load(entry) : this.#list(entry.path)));
    return button;
  }

  /** @param {DirectoryEntry} entry */
  async #load(entry) {
    const ticket = (this.ticket += 1);
    this.dialog.setAttribute('aria-busy', 'true');
    this.message.classList.remove('bad');
    setText(this.message, `Opening ${entry.name}…`);
    try {
      await this.channel.command('napari.load_zarr', { path: entry.path });
      this.dialog.close();
    } catch (error) {
      if (ticket === this.ticket) this.#fail(error);
    } finally {
      this.dialog.removeAttribute('aria-busy');
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    const options = error instanceof CommandError && Array.isArray(error.details.options) ? `: ${error.details.options.join(', ')}` : '';
    this.message.classList.add('bad');
    setText(this.message, (error instanceof Error ? error.message : String(error)) + options);
  }
}

/** @param {string} path @returns {string | null} */
function parentOf(path) {
  const at = path.replace(/\/+$/, '').lastIndexOf('/');
  return at > 0 ? path.slice(0, at) : at === 0 ? '/' : null;
}

/** @param {unknown} entries @returns {DirectoryEntry[]} folders and data sets only */
function toEntries(entries) {
  if (!Array.isArray(entries)) return [];
  return entries
    .filter((entry) => entry && typeof entry.name === 'string' && typeof entry.path === 'string')
    .map((entry) => ({
      name: entry.name,
      path: entry.path,
      isDirectory: entry.is_dir === true,
      isDataset: entry.zarr_metadata?.is_dataset === true,
      children: Array.isArray(entry.zarr_metadata?.dataset_children) ? entry.zarr_metadata.dataset_children : [],
      modifiedS: Number(entry.mtime) || 0,
    }))
    .filter((entry) => entry.isDirectory);
}
