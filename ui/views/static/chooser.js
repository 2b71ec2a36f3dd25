// What the gallery of pictures and the sheet of labels share: who owns the keys, choosing an action, the preview of
// what it would change, applying it, undo, and the sheet of keys. It knows nothing of labels: Python says what the
// buttons are and what an action would change. Every text from the store is set as textContent, never as markup.
const TRIES = 3; // times that a question is asked
const KEYS = (window.likenessKeys ??= { owner: null, known: new Set() });

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
};

// Moves to another address of this page as a click on a link would, so that back and forward work.
const go = (address) => {
  history.pushState({}, "", address);
  window.dispatchEvent(new PopStateEvent("popstate", { state: {} }));
};

// What this browser remembers; a browser that remembers nothing is no error.
const remembered = {
  get(name) {
    try {
      return JSON.parse(localStorage.getItem(`likeness-${name}`));
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      if (value === null) localStorage.removeItem(`likeness-${name}`);
      else localStorage.setItem(`likeness-${name}`, JSON.stringify(value));
    } catch {
      // Nothing is lost but the habit.
    }
  },
};

class Chooser {
  constructor(root, label) {
    this.root = root;
    this.box = make("div", "lk");
    this.box.setAttribute("role", "region");
    this.box.setAttribute("aria-label", label);
    root.replaceChildren(this.box);
    this.bar = make("div", "bar");
    this.body = make("div");
    this.alertNode = make("div", "alert");
    this.alertNode.setAttribute("role", "alert");
    this.box.append(this.bar, this.body);
    this.cursor = 0;
    this.armed = null;
    this.tries = TRIES;
    this.question = Date.now(); // no number is used twice, also not by one drawn anew in the same session
    this.onKey = (event) => this.key(event);
    const own = () => this.own();
    this.box.addEventListener("pointerdown", own);
    this.box.addEventListener("focusin", own);
  }

  // ---- who owns the keys

  // Drawing again must not stop a question that is about to be asked, so this can be called any number of times.
  listen() {
    KEYS.known.add(this);
    document.addEventListener("keydown", this.onKey);
  }

  stop() {
    document.removeEventListener("keydown", this.onKey);
    KEYS.known.delete(this);
    if (KEYS.owner === this) KEYS.owner = null;
    clearTimeout(this.timer);
    this.help?.remove();
    this.help = null;
  }

  own() {
    if (KEYS.owner === this) return;
    KEYS.owner = this;
    for (const one of KEYS.known) one.showOwner();
  }

  // One of several on a page is marked as the one that keys go to; alone, there is nothing to tell apart.
  showOwner() {
    const several = [...KEYS.known].filter((one) => one.box.isConnected).length > 1;
    this.box.classList.toggle("owner", several && KEYS.owner === this);
    this.box.classList.toggle("watched", several && KEYS.owner !== this);
  }

  claim() {
    const owner = KEYS.owner;
    if (this.data.ownsKeys && (!owner || !owner.box.isConnected || !owner.data?.ownsKeys)) KEYS.owner = this;
    for (const one of KEYS.known) one.showOwner();
  }

  // Keys belong to what is focused where that is made for typing or sliding; else to the owner.
  mine(event) {
    const target = event.composedPath()[0];
    if (KEYS.owner !== this || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return false;
    if (!this.box.isConnected) {
      this.stop();
      return false;
    }
    const tag = target?.tagName ?? "";
    const role = target?.getAttribute?.("role") ?? "";
    if (target?.isContentEditable || /^(TEXTAREA|SELECT)$/.test(tag) || /^(slider|combobox|tab|menuitem)$/.test(role)) return false;
    const ticked = tag === "INPUT" && /^(checkbox|radio)$/.test(target.type);
    if (tag === "INPUT" && !ticked) return false;
    if (document.querySelector('[role="dialog"], [role="listbox"], [data-baseweb="popover"]')) return false;
    // A focused button, link or tick box keeps its own Enter and space.
    const pressed = event.key === "Enter" || event.key === " ";
    return !(pressed && (ticked || /^(BUTTON|A|SUMMARY)$/.test(tag)) && !this.box.contains(target));
  }

  // ---- values and actions

  // The values with number keys: those that this reviewer has chosen, else the first of the vocabulary.
  values() {
    const known = new Set(this.words());
    const own = remembered.get(`keys-${this.attribute()?.name}`);
    if (!Array.isArray(own)) return this.offered();
    return own
      .map((name, index) => ({ id: `set:${name}`, key: String(index + 1), label: name }))
      .filter((value) => known.has(value.label));
  }

  actions() {
    return [...this.values(), ...(this.data.actions ?? [])];
  }

  choice(action) {
    const node = this.button(action, () => this.arm(action.id));
    node.dataset.action = action.id;
    node.setAttribute("aria-pressed", "false");
    return node;
  }

  button(spec, act) {
    const node = make("button", "btn");
    node.type = "button";
    if (spec.key) {
      const key = make("kbd", "", spec.key);
      key.setAttribute("aria-hidden", "true");
      node.append(key);
      node.setAttribute("aria-keyshortcuts", spec.key === "esc" ? "Escape" : spec.key === "enter" ? "Enter" : spec.key);
    }
    node.append(spec.label);
    if (spec.hint) node.title = spec.hint;
    node.onclick = act;
    return node;
  }

  wordBox() {
    const box = make("input", "word");
    box.placeholder = "/ another value";
    box.title = "Type a value; with - before it, to take it away";
    box.setAttribute("aria-label", "Another value");
    box.setAttribute("aria-keyshortcuts", "/");
    box.autocomplete = "off";
    const list = make("datalist");
    list.id = `words-${this.attribute()?.name}`;
    box.setAttribute("list", list.id);
    const all = this.words();
    // A browser draws some hundred options; the box narrows them to what is typed.
    const narrow = () => {
      const typed = box.value.trim().toLowerCase().replace(/^-/, "");
      const near = typed ? all.filter((word) => word.includes(typed)) : all;
      list.replaceChildren(...near.slice(0, 200).map((word) => Object.assign(make("option"), { value: word })));
    };
    narrow();
    box.oninput = narrow;
    box.value = this.word ?? "";
    box.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Escape") this.focusCursor();
      if (event.key === "Enter" && box.value.trim()) {
        this.word = box.value.trim().toLowerCase();
        this.arm(`word:${this.word}`);
        this.focusCursor();
      }
    };
    this.wordNode = box;
    const holder = make("span", "words");
    holder.append(box, list);
    return holder;
  }

  arm(id) {
    this.armed = this.armed === id && !id.startsWith("word:") ? null : id;
    this.changed();
  }

  // ---- the question what would change, and the answer

  // Python is asked a moment later, so that a drag over thirty tiles is one question and not thirty. Each question has a
  // number of its own and Python answers with it, so that no older answer is taken for this one.
  changed() {
    this.alert = this.message = "";
    this.ask();
    this.mark();
  }

  ask() {
    clearTimeout(this.timer);
    this.question += 1;
    this.tries = TRIES;
    if (!this.data.locked) this.timer = setTimeout(() => this.tell(), 120);
  }

  // A question that got lost is asked again.
  tell() {
    this.tries -= 1;
    const { question, tries, armed, page } = this;
    this.setState("pick", { ...this.subject(), armed, page, question, tries, asOf: this.data.asOf });
    if (armed && this.ready()) {
      this.timer = setTimeout(() => this.answered() || (this.tries ? this.tell() : this.mark()), 6000);
    }
  }

  answered() {
    return this.data.preview?.question === this.question;
  }

  // Whether Enter would do something: what is chosen is not known to be impossible.
  applies() {
    return Boolean(this.armed && this.ready() && !this.sent && !(this.answered() && this.data.preview.valid === false));
  }

  commit() {
    if (this.data.locked || !this.applies()) return;
    this.send(this.armed, this.subject());
    this.mark();
  }

  undo() {
    if (!this.data.canUndo || this.data.locked) return;
    this.send("undo", { rows: [] });
  }

  send(id, subject) {
    clearTimeout(this.timer);
    this.alert = this.message = "";
    this.question += 1;
    this.sent = { number: this.question, armed: this.armed, ...subject };
    this.trigger("act", { number: this.question, id, ...subject, page: this.page, asOf: this.data.asOf });
  }

  // What came of the action that was sent; the page may be drawn any number of times before and after.
  hear(acted) {
    if (!this.sent || acted?.number !== this.sent.number) return;
    const sent = this.sent;
    this.sent = null;
    this.message = acted.message;
    this.alert = acted.alert || this.alert;
    if (acted.done) {
      this.applied(sent);
      if (this.armed === sent.armed) this.armed = null;
    }
    // Refused, the same choice meets a new state.
    if (this.armed && this.ready()) this.ask();
  }

  previewText() {
    const { data } = this;
    if (data.locked) return [data.locked];
    if (this.sent) return ["Writing \u2026"];
    if (this.armed && this.answered()) return [make("b", data.preview.valid === false ? "invalid" : "", data.preview.text)];
    if (this.armed && this.ready()) {
      return [this.tries ? "Counting what would change \u2026" : "Not counted: the server is busy. Apply works."];
    }
    return [this.message || this.advice()];
  }

  markBar() {
    this.alertNode.textContent = this.alert || "";
    this.alertNode.style.display = this.alert ? "" : "none";
    this.bar.querySelectorAll("[data-action]").forEach((node) => {
      const on = node.dataset.action === this.armed;
      node.classList.toggle("armed", on);
      node.setAttribute("aria-pressed", String(on));
    });
    if (this.apply) this.apply.disabled = !this.applies();
    if (this.undoNode) this.undoNode.disabled = !this.data.canUndo;
    if (this.previewNode) {
      const parts = this.previewText();
      const text = parts.map((part) => part.textContent ?? part).join("");
      if (this.previewNode.textContent !== text) this.previewNode.replaceChildren(...parts);
    }
  }

  // The line that tells what would change and what came of it; screen readers say it when it changes.
  statusLine() {
    this.previewNode = make("span", "preview grow");
    this.previewNode.setAttribute("role", "status");
    this.previewNode.setAttribute("aria-live", "polite");
    return this.previewNode;
  }

  // ---- the sheet of keys

  toggleHelp() {
    if (this.help) {
      this.help.remove();
      this.help = null;
      this.focusCursor();
      return;
    }
    this.help = make("div", "help");
    this.help.setAttribute("role", "dialog");
    this.help.setAttribute("aria-modal", "true");
    this.help.setAttribute("aria-label", "Keys");
    const card = make("div", "card");
    card.append(make("h3", "", "Keys"));
    const list = make("dl");
    for (const [key, what] of this.keyList()) list.append(make("dt", "", key), make("dd", "", what));
    card.append(list);
    if (this.words().length) card.append(this.keyEditor());
    const close = this.button({ key: "esc", label: "Close" }, () => this.toggleHelp());
    card.append(close);
    this.help.append(card);
    this.help.onclick = (event) => event.target === this.help && this.toggleHelp();
    this.help.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Escape" || (event.key === "?" && event.target.tagName !== "INPUT")) this.toggleHelp();
    };
    this.box.append(this.help);
    close.focus();
  }

  // Which value each number key means; the browser remembers it for this attribute, in every store.
  keyEditor() {
    const { name, title } = this.attribute();
    const holder = make("div", "keyEditor");
    holder.append(make("h4", "", `Number keys of ${title.toLowerCase()}`));
    const known = new Set(this.words());
    const list = make("datalist");
    list.id = `keys-${name}`;
    list.replaceChildren(...this.words().slice(0, 1000).map((word) => Object.assign(make("option"), { value: word })));
    const present = Object.fromEntries(this.values().map((value) => [value.key, value.label]));
    const boxes = [..."123456789"].map((digit) => {
      const label = make("label", "", `${digit} `);
      const box = Object.assign(make("input"), { value: present[digit] ?? "" });
      box.setAttribute("list", list.id);
      label.append(box);
      holder.append(label);
      return box;
    });
    const save = () => {
      const wanted = boxes.map((box) => box.value.trim().toLowerCase());
      boxes.forEach((box, index) => box.classList.toggle("wrong", Boolean(wanted[index]) && !known.has(wanted[index])));
      if (boxes.some((box) => box.classList.contains("wrong"))) return;
      remembered.set(`keys-${name}`, wanted);
      this.redraw();
      this.toggleHelp();
    };
    const reset = () => {
      remembered.set(`keys-${name}`, null);
      this.redraw();
      this.toggleHelp();
    };
    const row = make("div", "row");
    row.append(this.button({ label: "Save keys" }, save), this.button({ label: "As in the vocabulary" }, reset));
    holder.append(list, row);
    return holder;
  }
}

const instances = new WeakMap();

// The component's entry point for a kind of chooser.
const mounted = (Kind) => (component) => {
  const { parentElement } = component;
  let chooser = instances.get(parentElement);
  if (!chooser) {
    const root = document.createElement("div");
    parentElement.append(root);
    chooser = new Kind(root);
    instances.set(parentElement, chooser);
  }
  chooser.listen();
  chooser.setState = component.setStateValue;
  chooser.trigger = component.setTriggerValue;
  chooser.update(component.data);
  chooser.claim();
  // Streamlit also calls this for an update that a later one overtook: only one that left the page ends.
  return () => setTimeout(() => chooser.root.isConnected || chooser.stop(), 0);
};
