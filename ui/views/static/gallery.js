// The gallery of the review page: tiles, selection, keys. It knows nothing of labels: Python says what the buttons are
// and what a press would change. Every text from the store is set as textContent, never as markup.
const instances = new WeakMap();
const TRIES = 3; // times that a question is asked

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
};

class Gallery {
  constructor(root) {
    this.root = root;
    this.box = make("div", "lk");
    this.box.tabIndex = -1;
    root.replaceChildren(this.box);
    this.selected = new Set();
    this.cursor = 0;
    this.anchor = null;
    this.armed = null;
    this.tiles = new Map();
    this.tries = TRIES;
    this.question = Date.now(); // no number is used twice, also not by a gallery drawn anew in the same session
    this.onKey = (event) => this.key(event);
  }

  // Drawing again must not stop a question that is about to be asked, so this can be called any number of times.
  listen() {
    document.addEventListener("keydown", this.onKey);
  }

  stop() {
    document.removeEventListener("keydown", this.onKey);
    clearTimeout(this.timer);
    this.help?.remove();
    this.help = null;
  }

  update({ data, setStateValue, setTriggerValue }) {
    this.setState = setStateValue;
    this.trigger = setTriggerValue;
    this.data = data;
    this.alert = data.alert || this.alert;
    if (this.page !== data.page) {
      this.page = data.page;
      this.alert = data.alert;
      this.message = "";
      this.selected.clear();
      this.anchor = null;
      this.cursor = 0;
      this.armed = data.armed ?? null;
    }
    this.hear(data.acted);
    const known = new Set(data.items.map((item) => item.row));
    for (const section of data.sections ?? []) for (const row of section.hidden ?? []) known.add(row);
    for (const row of [...this.selected]) if (!known.has(row)) this.selected.delete(row);
    const stands = this.armed?.startsWith("word:") || this.actions().some((action) => action.id === this.armed);
    if (!stands) this.armed = null;
    this.render();
  }

  // What came of the press that was sent; the page may be drawn any number of times before and after.
  hear(acted) {
    if (!this.sent || acted?.number !== this.sent.number) return;
    const { rows, armed } = this.sent;
    this.sent = null;
    this.message = acted.message;
    this.alert = acted.alert || this.alert;
    if (acted.done) {
      // Somebody fast has already selected the next tiles: only what was sent is done with.
      for (const row of rows) this.selected.delete(row);
      if (this.armed === armed) this.armed = null;
    }
    // Refused, the same selection stands before a new state.
    if (this.armed && this.selected.size) this.ask();
  }

  actions() {
    return [...(this.data.values ?? []), ...(this.data.actions ?? [])];
  }

  render() {
    const { data } = this;
    if (!this.bar) {
      this.bar = make("div", "bar");
      this.body = make("div");
      this.alertNode = make("div", "alert");
      this.alertNode.setAttribute("role", "alert");
      this.box.append(this.bar, this.body);
    }
    this.renderBar();
    const nodes = [];
    const fresh = new Map();
    if (!data.items.length) nodes.push(make("div", "empty", data.empty || "Nothing to show."));
    const sections = data.sections ?? [{ id: "", items: data.items.map((item) => item.row) }];
    const byRow = new Map(data.items.map((item, index) => [item.row, { item, index }]));
    for (const section of sections) {
      if (!section.items.length) continue;
      const holder = section.title ? make("div", "group") : null;
      if (holder) {
        holder.style.setProperty("--members", section.items.length);
        holder.append(this.heading(section));
      }
      const grid = make("div", "grid");
      grid.setAttribute("role", "listbox");
      grid.setAttribute("aria-multiselectable", "true");
      for (const row of section.items) {
        const found = byRow.get(row);
        if (!found) continue;
        const tile = this.tiles.get(row) ?? this.tile(row);
        fresh.set(row, tile);
        this.fill(tile, found.item, found.index);
        grid.append(tile);
      }
      holder?.append(grid);
      nodes.push(holder ?? grid);
    }
    this.tiles = fresh;
    this.body.className = data.sections ? "groups" : "";
    this.body.replaceChildren(...nodes);
    if (data.tile) this.box.style.setProperty("--tile", `${data.tile}px`);
    this.mark();
  }

  heading(section) {
    const node = make("div", "section");
    node.append(make("h4", "", section.title));
    if (section.note) node.append(make("span", "note", section.note));
    node.append(make("span", "grow"));
    const rows = [...section.items, ...(section.hidden ?? [])];
    const all = make("button", "btn plain", `Select all ${rows.length}`);
    all.onclick = () => {
      const every = rows.every((row) => this.selected.has(row));
      rows.forEach((row) => (every ? this.selected.delete(row) : this.selected.add(row)));
      this.changed();
    };
    node.append(all);
    return node;
  }

  tile(row) {
    const tile = make("div", "tile");
    tile.dataset.row = row;
    tile.setAttribute("role", "option");
    tile.pic = make("div", "pic");
    tile.tick = make("span", "tick", "\u2713");
    tile.badge = make("span", "badge");
    tile.cap = make("div", "cap");
    tile.what = make("div", "what");
    tile.how = make("div", "how");
    tile.open = make("button", "open", "\u2197");
    tile.open.title = "Open this item (o)";
    tile.open.setAttribute("aria-label", "Open this item");
    tile.cap.append(tile.what, tile.how);
    tile.append(tile.pic, tile.tick, tile.badge, tile.cap, tile.open);
    tile.open.onclick = (event) => {
      event.stopPropagation();
      this.trigger("open", row);
    };
    tile.ondblclick = () => this.trigger("open", row);
    tile.onclick = (event) => this.click(row, event);
    return tile;
  }

  fill(tile, item, index) {
    tile.index = index;
    if (tile.src !== item.src) {
      tile.src = item.src;
      const inner = item.src ? make("img") : make("span", "none", item.none || "no picture");
      if (item.src) {
        inner.src = item.src;
        inner.alt = item.name;
        inner.loading = "lazy";
        inner.decoding = "async";
        inner.draggable = false;
      }
      tile.pic.replaceChildren(inner);
    }
    tile.title = item.hint || item.name;
    tile.badge.textContent = item.badge || "";
    tile.badge.style.display = item.badge ? "" : "none";
    tile.what.textContent = item.what || "unknown";
    tile.what.classList.toggle("unknown", !item.what);
    tile.how.replaceChildren(make("span", `dot ${/^[a-z]+$/.test(item.tone || "") ? item.tone : "none"}`), item.how || "");
    tile.setAttribute("aria-label", `${item.name}: ${item.what || "unknown"}`);
  }

  // The bar is made anew only when its buttons change, so that nobody is interrupted while typing.
  renderBar() {
    const { data } = this;
    const { actions, values, words, readonly, canUndo } = data;
    const drawn = JSON.stringify([actions, values, words?.id, readonly, canUndo]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const top = make("div", "row");
    this.countNode = make("span", "count");
    top.append(this.countNode);
    const all = this.button({ key: "a", label: "Select all" }, () => this.all());
    const none = this.button({ key: "esc", label: "Clear" }, () => this.clear());
    top.append(all, none, make("span", "grow"));
    const nodes = [top];
    if (data.readonly) {
      top.append(make("span", "preview", "read only"));
    } else {
      // Without values the actions have a line of their own; else they share the first one.
      const own = data.values?.length || data.words ? top : make("div", "row");
      for (const action of data.actions ?? []) own.append(this.choice(action));
      if (own !== top) nodes.push(own);
      if (data.canUndo !== undefined) {
        const undo = this.button({ key: "u", label: "Undo" }, () => this.undo());
        undo.disabled = !data.canUndo;
        top.append(undo);
      }
      if (data.values?.length || data.words) {
        const values = make("div", "row");
        for (const value of data.values ?? []) values.append(this.choice(value));
        if (data.words) values.append(this.wordBox());
        nodes.push(values);
      }
      const bottom = make("div", "row");
      this.previewNode = make("span", "preview grow");
      this.apply = this.button({ key: "enter", label: "Apply" }, () => this.commit());
      this.apply.classList.add("main");
      bottom.append(this.previewNode, this.apply);
      nodes.push(bottom);
    }
    const help = this.button({ key: "?", label: "Keys" }, () => this.toggleHelp());
    help.classList.add("plain");
    top.append(help);
    this.bar.replaceChildren(...nodes, this.alertNode);
  }

  wordBox() {
    const box = make("input", "word");
    box.placeholder = "/ another value";
    box.title = "Type a value; with - before it, to take it away";
    box.setAttribute("aria-label", "Another value");
    const id = `words-${this.data.words.id}`;
    box.setAttribute("list", id);
    const list = make("datalist");
    list.id = id;
    for (const word of this.data.words.all) {
      const option = make("option");
      option.value = word;
      list.append(option);
    }
    box.value = this.word ?? "";
    box.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Escape") box.blur();
      if (event.key === "Enter" && box.value.trim()) {
        this.word = box.value.trim().toLowerCase();
        this.arm(`word:${this.word}`);
        box.blur();
        this.box.focus({ preventScroll: true });
      }
    };
    this.wordNode = box;
    const holder = make("span");
    holder.append(box, list);
    return holder;
  }

  button(spec, act) {
    const node = make("button", "btn");
    node.type = "button";
    if (spec.key) node.append(make("kbd", "", spec.key));
    node.append(spec.label);
    if (spec.hint) node.title = spec.hint;
    node.onclick = act;
    return node;
  }

  choice(action) {
    const node = this.button(action, () => this.arm(action.id));
    node.dataset.action = action.id;
    return node;
  }

  arm(id) {
    this.armed = this.armed === id && !id.startsWith("word:") ? null : id;
    this.changed();
  }

  click(row, event) {
    const index = this.tiles.get(row).index;
    if (event.shiftKey && this.anchor !== null) {
      this.range(this.anchor, index);
    } else {
      this.flip(row);
      this.anchor = index;
    }
    this.cursor = index;
    this.changed();
  }

  rowAt(index) {
    return this.order()[index];
  }

  order() {
    return [...this.tiles.keys()];
  }

  // The selected rows in the order of the page, then those of whole clusters that it does not show.
  chosen() {
    const shown = this.order().filter((row) => this.selected.has(row));
    return [...shown, ...[...this.selected].filter((row) => !this.tiles.has(row))];
  }

  range(from, to) {
    const order = this.order();
    for (let i = Math.min(from, to); i <= Math.max(from, to); i++) this.selected.add(order[i]);
  }

  flip(row) {
    if (!this.selected.delete(row)) this.selected.add(row);
  }

  all() {
    if (this.order().every((row) => this.selected.has(row))) this.selected.clear();
    else this.order().forEach((row) => this.selected.add(row));
    this.changed();
  }

  clear() {
    this.selected.clear();
    this.armed = null;
    this.changed();
  }

  undo() {
    if (!this.data.canUndo || this.data.readonly) return;
    this.send("undo", []);
  }

  commit() {
    if (this.data.readonly || !this.armed || !this.selected.size) return;
    this.send(this.armed, this.chosen());
    this.mark();
  }

  send(id, rows) {
    clearTimeout(this.timer);
    this.alert = this.message = "";
    this.question += 1;
    this.sent = { number: this.question, rows: [...this.selected], armed: this.armed };
    this.trigger("act", { number: this.question, id, rows, page: this.page, asOf: this.data.asOf });
  }

  // Selection is told to Python a moment later, so that a drag over thirty tiles is one question and not thirty. Each
  // question has a number of its own and Python answers with it, so that no older answer is taken for this one.
  changed() {
    this.alert = this.message = "";
    this.ask();
    this.mark();
  }

  ask() {
    clearTimeout(this.timer);
    this.question += 1;
    this.tries = TRIES;
    if (!this.data.readonly) this.timer = setTimeout(() => this.tell(), 120);
  }

  // A question that got lost is asked again.
  tell() {
    this.tries -= 1;
    const { question, tries, armed, page } = this;
    this.setState("pick", { rows: this.chosen(), armed, page, question, tries, asOf: this.data.asOf });
    if (armed && this.selected.size) {
      this.timer = setTimeout(() => this.answered() || (this.tries ? this.tell() : this.mark()), 6000);
    }
  }

  answered() {
    return this.data.preview?.question === this.question;
  }

  mark() {
    const order = this.order();
    this.tiles.forEach((tile, row) => {
      const on = this.selected.has(row);
      tile.classList.toggle("on", on);
      tile.setAttribute("aria-selected", String(on));
      tile.classList.toggle("cursor", row === order[this.cursor]);
    });
    const hidden = (this.data.sections ?? []).reduce((sum, section) => sum + (section.hidden?.length ?? 0), 0);
    this.countNode.textContent = `${this.selected.size} of ${this.tiles.size + hidden} selected`;
    this.alertNode.textContent = this.alert || "";
    this.alertNode.style.display = this.alert ? "" : "none";
    this.bar.querySelectorAll("[data-action]").forEach((node) =>
      node.classList.toggle("armed", node.dataset.action === this.armed));
    if (this.apply) this.apply.disabled = !this.armed || !this.selected.size;
    if (this.previewNode) this.previewNode.replaceChildren(...this.preview());
  }

  preview() {
    const { data } = this;
    if (this.sent) return ["Writing \u2026"];
    if (this.armed && this.answered()) return [make("b", "", data.preview.text)];
    if (this.selected.size && this.armed) {
      return [this.tries ? "counting what would change \u2026" : "not counted: the server is busy; Apply works"];
    }
    if (this.message) return [this.message];
    if (!this.tiles.size) return [""];
    return [this.selected.size ? "Now choose a value or an action." : "Select items: click, shift-click, space, a."];
  }

  columns() {
    const tiles = [...this.tiles.values()];
    const top = tiles[0]?.offsetTop;
    const count = tiles.findIndex((tile) => tile.offsetTop !== top);
    return count < 1 ? tiles.length || 1 : count;
  }

  move(by, extend) {
    const last = this.tiles.size - 1;
    const from = this.cursor;
    this.cursor = Math.max(0, Math.min(last, from + by));
    if (extend) {
      this.anchor = this.anchor ?? from;
      this.range(this.anchor, this.cursor);
      this.changed();
    } else {
      this.anchor = this.cursor;
      this.mark();
    }
    this.tiles.get(this.rowAt(this.cursor))?.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const target = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (target?.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target?.tagName ?? "")) return;
    if (!this.box.isConnected) return this.stop();
    if (this.data?.keys === false) return;
    if (document.querySelector('[role="dialog"], [data-baseweb="popover"]')) return;
    if (this.help) {
      this.toggleHelp();
      event.preventDefault();
      return;
    }
    // A focused button keeps its own Enter and space.
    const onButton = target?.tagName === "BUTTON" && (event.key === "Enter" || event.key === " ");
    if (onButton && !this.box.contains(target)) return;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns(), ArrowUp: -this.columns() };
    const action = this.data.readonly ? undefined : this.actions().find((each) => each.key === event.key);
    if (event.key in steps) this.move(steps[event.key], event.shiftKey);
    else if (event.key === " ") {
      this.flip(this.rowAt(this.cursor));
      this.anchor = this.cursor;
      this.changed();
    } else if (event.key === "Enter") this.commit();
    else if (event.key === "Escape") this.clear();
    else if (event.key === "?") this.toggleHelp();
    else if (action) this.arm(action.id);
    else if (event.key === "a") this.all();
    else if (event.key === "u") this.undo();
    else if (event.key === "o") this.trigger("open", this.rowAt(this.cursor));
    else if (event.key === "n" && this.data.more) this.trigger("turn", 1);
    else if (event.key === "p" && this.data.less) this.trigger("turn", -1);
    else if (event.key === "/" && this.wordNode) this.wordNode.focus();
    else return;
    if (onButton) target.blur();
    event.preventDefault();
    event.stopPropagation();
  }

  toggleHelp() {
    if (this.help) {
      this.help.remove();
      this.help = null;
      return;
    }
    this.help = make("div", "help");
    const card = make("div", "card");
    card.append(make("h3", "", "Keys"));
    const list = make("dl");
    const keys = [
      ["\u2190 \u2191 \u2192 \u2193", "move"], ["space", "select or deselect"], ["shift + arrows, shift + click", "select a range"],
      ["a / esc", "all / nothing"], ...this.actions().filter((each) => each.key).map((each) => [each.key, each.label]),
      ["/", "type another value, or -value to take it away"], ["enter", "apply to the selection"], ["u", "undo your last change"],
      ["o, double click", "open the item"], ["n / p", "next / previous page"], ["?", "this list"],
    ];
    for (const [key, what] of keys) list.append(make("dt", "", key), make("dd", "", what));
    card.append(list);
    this.help.append(card);
    this.help.onclick = () => this.toggleHelp();
    this.box.append(this.help);
  }
}

export default function (component) {
  const { parentElement } = component;
  let gallery = instances.get(parentElement);
  if (!gallery) {
    const root = document.createElement("div");
    parentElement.append(root);
    gallery = new Gallery(root);
    instances.set(parentElement, gallery);
  }
  gallery.listen();
  gallery.update(component);
  // Streamlit also calls this for an update that a later one overtook: only a gallery that left the page ends.
  return () => setTimeout(() => gallery.root.isConnected || gallery.stop(), 0);
}
