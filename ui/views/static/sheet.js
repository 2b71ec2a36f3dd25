// The sheet of one item: all its attributes, each with its label and how it is known, each of them editable. Follows
// chooser.js in one module.
class Sheet extends Chooser {
  constructor(root) {
    super(root, "Labels of this picture");
    this.rows = new Map();
  }

  attribute() {
    return this.data.attributes[this.cursor];
  }

  offered() {
    return this.attribute()?.values ?? [];
  }

  words() {
    return this.attribute()?.words ?? [];
  }

  update(data) {
    this.data = data;
    this.alert = data.alert || this.alert;
    if (this.page !== data.page) {
      this.page = data.page;
      this.alert = data.alert;
      this.message = "";
      this.armed = null;
      this.cursor = Math.max(0, data.attributes.findIndex((each) => each.name === data.chosen));
    }
    this.hear(data.acted);
    this.render();
  }

  redraw() {
    this.drawn = "";
    this.render();
  }

  render() {
    const { data } = this;
    const focused = this.box.getRootNode().activeElement?.classList?.contains("line");
    const list = make("div", "sheet");
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Attributes");
    this.rows = new Map();
    data.attributes.forEach((each, index) => {
      const line = make("div", "line");
      line.setAttribute("role", "option");
      line.append(make("span", "title", each.title));
      const what = make("span", "what", each.what || "unknown");
      what.classList.toggle("unknown", !each.what);
      const how = make("span", "how");
      how.append(make("span", `dot ${/^[a-z]+$/.test(each.tone || "") ? each.tone : "none"}`), each.how);
      line.append(what, how);
      line.setAttribute("aria-label", each.alt);
      line.onclick = () => this.place(index);
      this.rows.set(index, line);
      list.append(line);
    });
    this.renderBar();
    this.body.replaceChildren(list);
    this.mark();
    if (focused) this.focusCursor();
  }

  renderBar() {
    const { data } = this;
    const attribute = this.attribute();
    const drawn = JSON.stringify([data.actions, this.values(), attribute?.name, Boolean(data.locked)]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const first = make("div", "row scrolls");
    const second = make("div", "row");
    first.append(make("span", "count", attribute?.title ?? ""));
    if (!data.locked) {
      for (const value of this.values()) first.append(this.choice(value));
      first.append(this.wordBox());
      for (const action of data.actions ?? []) first.append(this.choice(action));
    }
    const keys = this.button({ key: "?", label: "Keys" }, () => this.toggleHelp());
    keys.classList.add("plain");
    first.append(make("span", "grow"), keys);
    second.append(this.statusLine());
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
      ["\u2191 \u2193", "another attribute"], ...this.actions().filter((each) => each.key).map((each) => [each.key, each.label]),
      ["/", "type another value, or -value to take it away"], ["enter", "apply"], ["u", "undo your last change"], ["?", "this list"],
    ];
  }

  subject() {
    return { rows: [this.data.row], attribute: this.attribute()?.name };
  }

  ready() {
    return this.attribute() !== undefined;
  }

  applied() {}

  advice() {
    return "Choose a value or an action; \u2191 and \u2193 go to another attribute.";
  }

  place(index) {
    if (index !== this.cursor) this.armed = null;
    this.cursor = index;
    // The attribute stands in the address, so that reload and back find it; it is no step of its own.
    const target = new URL(location.href);
    target.searchParams.set("attribute", this.attribute().name);
    window.likenessReplace?.(target.href);
    this.renderBar();
    this.changed();
    this.focusCursor();
  }

  mark() {
    this.rows.forEach((line, index) => {
      const here = index === this.cursor;
      line.classList.toggle("cursor", here);
      line.setAttribute("aria-selected", String(here));
      line.tabIndex = here ? 0 : -1;
    });
    this.markBar();
  }

  focusCursor() {
    const line = this.rows.get(this.cursor);
    line?.focus({ preventScroll: true });
    line?.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    if (this.help || !this.mine(event)) return;
    const last = this.data.attributes.length - 1;
    const action = this.data.locked ? undefined : this.actions().find((each) => each.key === event.key);
    if (event.key === "ArrowDown") this.place(Math.min(last, this.cursor + 1));
    else if (event.key === "ArrowUp") this.place(Math.max(0, this.cursor - 1));
    else if (event.key === "Enter") this.commit();
    else if (event.key === "Escape") {
      this.armed = null;
      this.changed();
    } else if (event.key === "?") this.toggleHelp();
    else if (action) this.arm(action.id);
    else if (event.key === "u") this.undo();
    else if (event.key === "/" && this.wordNode) this.wordNode.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

export default mounted(Sheet);
