// Small helpers over the document: typed look-up, elements, sliders with a filled track. No state.

/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} with id ${id}`);
  return element;
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Fills a slider's track up to its thumb. @param {HTMLInputElement} slider */
export function paintSlider(slider) {
  const low = Number(slider.min);
  const span = Number(slider.max) - low;
  slider.style.setProperty('--fill', `${span > 0 ? (100 * (Number(slider.value) - low)) / span : 0}%`);
}

/** @param {HTMLInputElement} slider @param {number} value */
export function setSlider(slider, value) {
  slider.value = String(value);
  paintSlider(slider);
}

/** @param {HTMLElement} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
