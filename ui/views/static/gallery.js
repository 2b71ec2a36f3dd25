// The gallery: tiles with a cursor and a selection. Follows chooser.js in one module.
const SIZES = [80, 320];

class Gallery extends Chooser {
  constructor(root) {
    super(root, "Pictures");
    this.selected = new Set();
    this.anchor = null;
    this.tiles = new Map();
  }

  attribute() {
    return this.data.attribute;
  }

  offered() {
    return this.data.values ?? [];
  }

  words() {
    return this.data.words ?? [];
  }

  update(data) {
    this.data = data;
    this.alert = data.alert || this.alert;
    if (this.page !== data.page) {
      this.turned = this.page !== undefined && this.turning;
      this.turning = false;
      this.page = data.page;
      this.alert = data.alert;
      this.message = "";
      this.selected.clear();
      this.anchor = null;
      this.armed = null;
      this.cursor = this.placed();
    }
    this.hear(data.acted);
    const known = new Set(data.items.map((item) => item.row));
    for (const section of data.sections ?? []) for (const row of section.hidden ?? []) known.add(row);
    for (const row of [...this.selected]) if (!known.has(row)) this.selected.delete(row);
    const stands = this.armed?.startsWith("word:") || this.actions().some((action) => action.id === this.armed);
    if (!stands) this.armed = null;
    this.render();
    if (this.turned) {
      // A new page of pictures is read from its top.
      this.turned = false;
      this.box.scrollIntoView({ block: "start" });
    }
  }

  // The cursor's place is kept with the address, so that back and reload find it again.
  placed() {
    try {
      return Number(sessionStorage.getItem(`likeness-cursor:${location.pathname}${location.search}`)) || 0;
    } catch {
      return 0;
    }
  }

  keepPlace() {
    if (!this.data.ownsKeys) return;
    try {
      sessionStorage.setItem(`likeness-cursor:${location.pathname}${location.search}`, String(this.cursor));
    } catch {
      // Then the page opens at its top.
    }
  }

  redraw() {
    this.drawn = "";
    this.render();
  }

  render() {
    const { data } = this;
    const focused = this.focusedRow();
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
      grid.setAttribute("aria-label", section.title || "Pictures");
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
    this.cursor = Math.min(this.cursor, Math.max(0, fresh.size - 1));
    this.body.className = data.sections ? "groups" : "";
    this.body.replaceChildren(...nodes);
    this.box.style.setProperty("--tile", `${this.tileSize()}px`);
    this.mark();
    // Moving a node takes its focus away; who walked with the keys goes on from the same place.
    if (focused !== null) this.focusCursor();
  }

  focusedRow() {
    const focused = this.box.getRootNode().activeElement;
    return focused?.classList?.contains("tile") ? Number(focused.dataset.row) : null;
  }

  tileSize() {
    const size = Number(remembered.get("tile")) || 108;
    return Math.min(SIZES[1], Math.max(SIZES[0], size));
  }

  heading(section) {
    const node = make("div", "section");
    node.append(make("h4", "", section.title));
    if (section.note) node.append(make("span", "note", section.note));
    node.append(make("span", "grow"));
    const rows = [...section.items, ...(section.hidden ?? [])];
    const all = make("button", "btn plain", `Select all ${rows.length}`);
    all.type = "button";
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
    tile.tabIndex = -1;
    tile.pic = make("div", "pic");
    tile.tick = make("span", "tick", "\u2713");
    tile.badge = make("span", "badge");
    tile.cap = make("div", "cap");
    tile.what = make("div", "what");
    tile.how = make("div", "how");
    // For the mouse alone: a key opens the item at the cursor, and a button inside an option is none to a screen reader.
    tile.open = make("span", "open", "\u2197");
    tile.open.title = "Open this item (o)";
    tile.open.setAttribute("aria-hidden", "true");
    tile.cap.append(tile.what, tile.how);
    tile.append(tile.pic, tile.tick, tile.badge, tile.cap, tile.open);
    tile.open.onclick = (event) => {
      event.stopPropagation();
      this.open(row);
    };
    tile.ondblclick = () => this.open(row);
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
        inner.loading = "lazy";
        inner.decoding = "async";
        inner.draggable = false;
      }
      tile.pic.replaceChildren(inner);
    }
    const image = tile.pic.querySelector("img");
    if (image) image.alt = item.alt;
    tile.title = item.hint || item.name;
    tile.badge.textContent = item.badge || "";
    tile.badge.style.display = item.badge ? "" : "none";
    tile.what.textContent = item.what || "unknown";
    tile.what.classList.toggle("unknown", !item.what);
    const dot = make("span", `dot ${/^[a-z]+$/.test(item.tone || "") ? item.tone : "none"}`);
    tile.how.replaceChildren(dot, item.how || "");
    tile.setAttribute("aria-label", [item.alt, item.badge, item.name].filter(Boolean).join("; "));
  }

  // The bar is made anew only when its buttons change, so that nobody is interrupted while typing.
  renderBar() {
    const { data } = this;
    const drawn = JSON.stringify([data.actions, this.values(), data.attribute?.name, Boolean(data.locked), data.canUndo !== undefined]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const first = make("div", "row scrolls");
    const second = make("div", "row");
    this.countNode = make("span", "count");
    this.numbersNode = make("span", "numbers");
    const size = make("input", "size");
    Object.assign(size, { type: "range", min: SIZES[0], max: SIZES[1], step: 4, value: this.tileSize() });
    size.setAttribute("aria-label", "Tile size");
    size.title = "Tile size";
    size.oninput = () => {
      remembered.set("tile", Number(size.value));
      for (const one of KEYS.known) one.box.style.setProperty("--tile", `${this.tileSize()}px`);
    };
    size.onchange = () => size.blur();
    const keys = this.button({ key: "?", label: "Keys" }, () => this.toggleHelp());
    keys.classList.add("plain");
    const all = this.button({ key: "a", label: "All" }, () => this.all());
    const none = this.button({ key: "esc", label: "None" }, () => this.clear());
    all.title = "Select all on this page";
    none.title = "Select nothing";
    if (!data.locked) {
      for (const value of this.values()) first.append(this.choice(value));
      if (this.words().length) first.append(this.wordBox());
      for (const action of data.actions ?? []) first.append(this.choice(action));
    }
    first.append(make("span", "grow"), size, keys);
    second.append(this.countNode, all, none);
    second.append(this.statusLine(), this.numbersNode);
    this.undoNode = this.apply = null;
    if (!data.locked) {
      this.undoNode = this.button({ key: "u", label: "Undo" }, () => this.undo());
      this.apply = this.button({ key: "enter", label: "Apply" }, () => this.commit());
      this.apply.classList.add("main");
      second.append(this.undoNode, this.apply);
    }
    this.bar.replaceChildren(first, second, this.alertNode);
  }

  keyList() {
    return [
      ["\u2190 \u2191 \u2192 \u2193", "move"], ["space", "select or deselect"], ["shift + arrows, shift + click", "select a range"],
      ["a / esc", "all / nothing"], ...this.actions().filter((each) => each.key).map((each) => [each.key, each.label]),
      ["/", "type another value, or -value to take it away"], ["enter", "apply to the selection"], ["u", "undo your last change"],
      ["o, double click", "open the item"], ["n / p", "next / previous page"], ["?", "this list"],
    ];
  }

  // ---- selection

  subject() {
    return { rows: this.chosen() };
  }

  ready() {
    return this.selected.size > 0;
  }

  applied(sent) {
    // Somebody fast has already selected the next tiles: only what was sent is done with.
    for (const row of sent.rows ?? []) this.selected.delete(row);
  }

  advice() {
    if (!this.tiles.size) return "";
    return this.selected.size ? "Now choose a value or an action." : "Select pictures: click, shift-click, space, a.";
  }

  arm(id) {
    const action = this.actions().find((each) => each.id === id);
    // What is done to whole groups is done to the one at the cursor where nothing is selected.
    if (action?.whole && !this.selected.size && this.armed !== id) {
      const here = this.rowAt(this.cursor);
      const section = (this.data.sections ?? []).find((each) => each.items.includes(here));
      for (const row of section ? [...section.items, ...(section.hidden ?? [])] : []) this.selected.add(row);
    }
    super.arm(id);
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
    this.keepPlace();
    this.changed();
  }

  rowAt(index) {
    return this.order()[index];
  }

  order() {
    return [...this.tiles.keys()];
  }

  // The selected rows in the order of the page, then those of whole groups that it does not show.
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

  open(row) {
    if (row !== undefined) go(`${location.pathname.replace(/[^/]*$/, "")}item?row=${row}`);
  }

  turn(by) {
    this.turning = true;
    this.trigger("turn", by);
  }

  mark() {
    const order = this.order();
    this.tiles.forEach((tile, row) => {
      const on = this.selected.has(row);
      const here = row === order[this.cursor];
      tile.classList.toggle("on", on);
      tile.setAttribute("aria-selected", String(on));
      tile.classList.toggle("cursor", here);
      tile.tabIndex = here ? 0 : -1;
    });
    const hidden = (this.data.sections ?? []).reduce((sum, section) => sum + (section.hidden?.length ?? 0), 0);
    this.countNode.textContent = `${this.selected.size} of ${this.tiles.size + hidden} selected`;
    this.numbersNode.textContent = this.data.status || "";
    this.markBar();
  }

  // ---- moving

  columns() {
    const tiles = [...this.tiles.values()];
    const top = tiles[0]?.offsetTop;
    const count = tiles.findIndex((tile) => tile.offsetTop !== top);
    return count < 1 ? tiles.length || 1 : count;
  }

  move(by, extend) {
    const last = this.tiles.size - 1;
    if (last < 0) return;
    const from = this.cursor;
    this.cursor = Math.max(0, Math.min(last, from + by));
    this.keepPlace();
    if (extend) {
      this.anchor = this.anchor ?? from;
      this.range(this.anchor, this.cursor);
      this.changed();
    } else {
      this.anchor = this.cursor;
      this.mark();
    }
    this.focusCursor();
  }

  focusCursor() {
    const tile = this.tiles.get(this.rowAt(this.cursor));
    if (!tile) return;
    tile.focus({ preventScroll: true });
    tile.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    if (this.help || !this.mine(event)) return;
    const target = event.composedPath()[0];
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns(), ArrowUp: -this.columns() };
    const action = this.data.locked ? undefined : this.actions().find((each) => each.key === event.key);
    if (event.key in steps) this.move(steps[event.key], event.shiftKey);
    else if (event.key === "Home") this.move(-this.tiles.size, event.shiftKey);
    else if (event.key === "End") this.move(this.tiles.size, event.shiftKey);
    else if (event.key === " ") {
      const row = this.rowAt(this.cursor);
      if (row === undefined) return;
      this.flip(row);
      this.anchor = this.cursor;
      this.changed();
    } else if (event.key === "Enter") this.commit();
    else if (event.key === "Escape") this.clear();
    else if (event.key === "?") this.toggleHelp();
    else if (action) this.arm(action.id);
    else if (event.key === "a") this.all();
    else if (event.key === "u") this.undo();
    else if (event.key === "o") this.open(this.rowAt(this.cursor));
    else if (event.key === "n" && this.data.more) this.turn(1);
    else if (event.key === "p" && this.data.less) this.turn(-1);
    else if (event.key === "/" && this.wordNode) this.wordNode.focus();
    else return;
    if (target?.tagName === "BUTTON" && (event.key === "Enter" || event.key === " ")) target.blur();
    event.preventDefault();
    event.stopPropagation();
  }
}

export default mounted(Gallery);
