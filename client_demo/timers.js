/** Timers by name: setting one again takes the place of the one before. */
export class Timers {
  #running = new Map();

  after(name, ms, run) {
    this.cancel(name);
    const timer = setTimeout(() => {
      this.#running.delete(name);
      run();
    }, ms);
    this.#running.set(name, timer);
  }

  has(name) {
    return this.#running.has(name);
  }

  cancel(...names) {
    for (const name of names) {
      clearTimeout(this.#running.get(name));
      this.#running.delete(name);
    }
  }

  cancelAll() {
    this.cancel(...this.#running.keys());
  }
}
