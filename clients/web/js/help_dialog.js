// The list of gestures and keys, made from the keyboard's own table.

import { byId, make } from './dom.js';
import { HELP } from './keyboard.js';

export class HelpDialog {
  constructor() {
    this.dialog = byId('help', HTMLDialogElement);
    const columns = byId('help-columns', HTMLElement);
    for (const [title, rows] of HELP) {
      const section = make('section');
      section.append(make('h3', '', String(title)));
      const list = make('dl');
      for (const [keys, meaning] of /** @type {string[][]} */ (rows)) list.append(make('dt', '', keys), make('dd', '', meaning));
      section.append(list);
      columns.append(section);
    }
    byId('help-close', HTMLButtonElement).addEventListener('click', () => this.dialog.close());
  }

  open() {
    if (!this.dialog.open) this.dialog.showModal();
  }
}
