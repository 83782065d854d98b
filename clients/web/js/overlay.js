// What is said over the picture: why there is none and what to do (a panel), or that the connection is being restored (a note that
// leaves the last picture in sight).

import { byId, make, setText } from './dom.js';

/**
 * @typedef {object} Message
 * @property {string} title
 * @property {string[]} lines
 * @property {string[]} [commands]     lines to copy
 * @property {{ label: string, run: () => void }} [action]
 */

export class Overlay {
  constructor() {
    this.root = byId('overlay', HTMLElement);
    this.title = byId('overlay-title', HTMLElement);
    this.body = byId('overlay-body', HTMLElement);
    this.action = byId('overlay-action', HTMLButtonElement);
    this.note = byId('note', HTMLElement);
    this.noteText = byId('note-text', HTMLElement);
    this.noteAction = byId('note-action', HTMLButtonElement);
    this.noteTimer = 0;
    /** @type {() => void} */
    this.run = () => {};
    this.action.addEventListener('click', () => this.run());
  }

  /** @param {Message} message */
  show({ title, lines, commands = [], action }) {
    setText(this.title, title);
    this.body.replaceChildren(...lines.map((line) => make('p', '', line)), ...commands.map((command) => commandLine(command)));
    this.action.hidden = !action;
    if (action) {
      setText(this.action, action.label);
      this.run = action.run;
    }
    this.root.hidden = false;
  }

  hide() {
    this.root.hidden = true;
  }

  get visible() {
    return !this.root.hidden;
  }

  /**
   * @param {string} text
   * @param {{ label: string, run: () => void } | null} [action]
   * @param {number} [forMs]  0: until it is replaced or cleared
   */
  say(text, action = null, forMs = 0) {
    clearTimeout(this.noteTimer);
    setText(this.noteText, text);
    this.noteAction.hidden = !action;
    if (action) {
      setText(this.noteAction, action.label);
      this.noteAction.onclick = action.run;
    }
    this.note.hidden = false;
    if (forMs > 0) this.noteTimer = window.setTimeout(() => this.clearNote(), forMs);
  }

  clearNote() {
    clearTimeout(this.noteTimer);
    this.note.hidden = true;
  }
}

/** @param {string} command */
function commandLine(command) {
  const row = make('div', 'command');
  const code = make('code', '', command);
  const copy = make('button', 'quiet', 'Copy');
  copy.type = 'button';
  copy.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(command);
      setText(copy, 'Copied');
    } catch {
      // Without a secure context there is no clipboard: select the line instead.
      window.getSelection()?.selectAllChildren(code);
      setText(copy, 'Selected');
    }
  });
  row.append(code, copy);
  return row;
}
