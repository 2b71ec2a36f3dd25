// What every page has: the reviewer's name, places that are found again (scroll by address, the last address of each
// page), keys that work after a choice from a list, and words of our own when the server is gone.
const main = () => document.querySelector('[data-testid="stMain"]');
const address = () => location.pathname + location.search;

// Whether the server has nothing more to draw.
const idle = () => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === "notRunning";

const session = {
  get(name) {
    try {
      return sessionStorage.getItem(`likeness-${name}`);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      sessionStorage.setItem(`likeness-${name}`, value);
    } catch {
      // Then places are not found again.
    }
  },
};

// ---- places

class Places {
  constructor() {
    this.at = null;
    this.restoring = 0;
    const soon = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.keep(), 120);
    };
    document.addEventListener("scroll", soon, { capture: true, passive: true });
    // Whoever scrolls or presses a key while the page still fills is where they want to be.
    for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
      document.addEventListener(kind, () => (this.restoring = 0), { capture: true, passive: true });
    }
    addEventListener("popstate", () => {
      this.moved = Date.now();
      this.arrive();
    });
    document.addEventListener("click", (event) => this.follow(event), { capture: true });
    for (const kind of ["pointerup", "keydown"]) {
      document.addEventListener(kind, () => (this.touched = Date.now()), { capture: true, passive: true });
    }
    this.watch();
  }

  // Streamlit writes a choice over the address before it. Here a choice is a step that back takes away again, unless
  // the address is only put right: after a step of the browser, or when nobody has touched anything.
  watch() {
    const { pushState, replaceState } = history;
    const soon = () => setTimeout(() => this.arrive(), 0);
    history.pushState = (...args) => {
      pushState.apply(history, args);
      soon();
    };
    history.replaceState = (state, title, url) => {
      const target = url ? new URL(url, location.href) : location;
      const chosen = target.search !== location.search && target.pathname === location.pathname;
      const now = Date.now();
      const step = chosen && now - (this.touched ?? 0) < 1500 && now - (this.moved ?? 0) > 2500;
      (step ? pushState : replaceState).call(history, state, title, url);
      soon();
    };
    // For what is a place on a page and no step: the attribute that a sheet of labels is at.
    window.likenessReplace = (url) => {
      replaceState.call(history, history.state, "", url);
      soon();
    };
  }

  // The page may still be that of the address before: only what was drawn for this one counts.
  keep() {
    if (this.restoring || this.at !== address()) return;
    session.set(`scroll:${this.at}`, String(Math.round(main()?.scrollTop ?? 0)));
  }

  // Called whenever something was drawn. The page fills bit by bit, so the place is tried until it can be reached.
  arrive() {
    const now = address();
    session.set(`last:${location.pathname}`, location.search);
    if (now === this.at) return;
    const path = this.at?.split("?")[0];
    this.at = now;
    const wanted = Number(session.get(`scroll:${now}`));
    if (!wanted) {
      if (path !== undefined && path !== location.pathname) main()?.scrollTo(0, 0);
      return;
    }
    // A slow server may need long to draw the page, and what is drawn on the way may be shorter than what was before:
    // the place is held until the server is done and it has stayed reached for a while.
    const began = Date.now();
    const round = (this.restoring = began + Math.random());
    let held = 0;
    const attempt = () => {
      if (this.restoring !== round) return;
      const view = main();
      view?.scrollTo(0, wanted);
      const reached = view && Math.abs(view.scrollTop - wanted) < 1;
      held = reached && idle() ? held + 1 : 0;
      const passed = Date.now() - began;
      if ((held > 30 && passed > 700) || (idle() && passed > 6000 && !reached && this.still(view)) || passed > 60000) {
        this.restoring = 0;
        return;
      }
      requestAnimationFrame(attempt);
    };
    attempt();
  }

  // True once the page has kept its height for three seconds: the place that is wanted is not there any more.
  still(view) {
    const height = view?.scrollHeight;
    if (height !== this.height) {
      this.height = height;
      this.since = Date.now();
    }
    return Date.now() - this.since > 3000;
  }

  // A page of the menu opens where it was left; with Ctrl, or a second time, as the browser does it.
  follow(event) {
    const link = event.composedPath().find((node) => node?.tagName === "A" && node.closest?.("header, [data-testid=stSidebar]"));
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const target = new URL(link.href, location.href);
    const last = session.get(`last:${target.pathname}`);
    if (target.origin !== location.origin || target.pathname === location.pathname || !last || target.search) return;
    event.preventDefault();
    event.stopPropagation();
    history.pushState({}, "", target.pathname + last);
    dispatchEvent(new PopStateEvent("popstate", { state: {} }));
  }
}

// ---- lists and the server

// A list that was chosen from keeps the focus, and the keys with it: they go back to the page.
const release = () =>
  setTimeout(() => {
    const active = document.activeElement;
    if (active?.getAttribute("role") === "combobox" && active.getAttribute("aria-expanded") !== "true") active.blur();
  }, 60);
const afterChoice = (event) => {
  const target = event.composedPath()[0];
  if (event.type === "click" && target?.closest?.('[role="option"]')) release();
  if (event.type === "keydown" && /^(Enter|Escape)$/.test(event.key) && target?.getAttribute?.("role") === "combobox") release();
};

// Streamlit's own words name a script that nobody here has.
const explainLoss = (restart) => {
  for (const dialog of document.querySelectorAll('[role="dialog"]')) {
    const body = dialog.querySelector("h2")?.nextElementSibling;
    if (!body || !/Streamlit server|Is Streamlit still running/.test(body.textContent)) continue;
    const words = document.createElement("p");
    words.textContent =
      "The review page has no connection to its server. Nothing that was applied is lost. If the server was stopped, start it again and reload this page:";
    const command = document.createElement("code");
    command.textContent = restart;
    body.replaceChildren(words, command);
  }
};

class Shell {
  constructor(parent) {
    this.root = document.createElement("div");
    this.root.className = "shell";
    parent.append(this.root);
    this.places = window.likenessPlaces ??= new Places();
    if (!window.likenessShell) {
      window.likenessShell = true;
      document.addEventListener("click", afterChoice, { capture: true });
      document.addEventListener("keydown", afterChoice, { capture: true });
      setInterval(() => explainLoss(window.likenessRestart ?? "likeness review --store DIR"), 500);
    }
  }

  update({ data, setTriggerValue }) {
    window.likenessRestart = data.restart;
    this.places.arrive();
    const drawn = JSON.stringify(data);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const store = Object.assign(document.createElement("span"), { className: "store", textContent: data.store });
    store.title = data.store;
    this.root.replaceChildren(store, data.editable ? this.nameBox(data.name, setTriggerValue) : this.words(data.name));
  }

  words(text) {
    return Object.assign(document.createElement("span"), { className: "name", textContent: text });
  }

  nameBox(name, trigger) {
    const label = Object.assign(document.createElement("label"), { textContent: "Reviewer " });
    const box = Object.assign(document.createElement("input"), { value: name, maxLength: 80, placeholder: "your name" });
    box.title = "This name is stored with every decision you take";
    box.classList.toggle("missing", !name.trim());
    // A year; the browser sends it with the next visit.
    const keep = (given) =>
      (document.cookie = `likeness_reviewer=${encodeURIComponent(given)}; max-age=31536000; path=/; SameSite=Strict`);
    if (name.trim()) keep(name.trim());
    const commit = () => {
      const wanted = box.value.trim();
      if (wanted === name.trim()) return;
      keep(wanted);
      trigger("name", wanted);
    };
    box.onchange = commit;
    box.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Enter" || event.key === "Escape") box.blur();
    };
    label.append(box);
    return label;
  }
}

const shells = new WeakMap();

export default function (component) {
  let shell = shells.get(component.parentElement);
  if (!shell) {
    shell = new Shell(component.parentElement);
    shells.set(component.parentElement, shell);
  }
  shell.update(component);
}
