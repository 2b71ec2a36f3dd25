// A box that takes one picture by drop, paste or choice and sends it to Python as base64. It keeps nothing itself.
const boxes = new WeakMap();

class Box {
  constructor(parent) {
    this.root = document.createElement("div");
    this.root.className = "box";
    this.input = document.createElement("input");
    this.input.type = "file";
    this.input.accept = "image/*";
    this.input.setAttribute("aria-label", "Choose a picture");
    this.choose = document.createElement("button");
    this.choose.type = "button";
    this.choose.textContent = "Choose a picture";
    this.text = document.createElement("span");
    this.text.className = "text";
    this.away = document.createElement("button");
    this.away.type = "button";
    this.away.className = "away";
    this.away.textContent = "\u2715";
    this.away.title = "Take the picture away";
    this.away.setAttribute("aria-label", "Take the picture away");
    this.label = document.createElement("div");
    this.label.className = "label";
    this.root.append(this.choose, this.input, this.text, this.away);
    parent.append(this.label, this.root);
    this.choose.onclick = () => this.input.click();
    this.input.onchange = () => {
      this.take(this.input.files[0]);
      this.input.value = "";
    };
    this.away.onclick = () => this.send("", "");
    this.root.ondragover = (event) => {
      event.preventDefault();
      this.root.classList.add("over");
    };
    this.root.ondragleave = () => this.root.classList.remove("over");
    this.root.ondrop = (event) => {
      event.preventDefault();
      this.root.classList.remove("over");
      this.take(event.dataTransfer.files[0]);
    };
    this.onPaste = (event) => {
      if (!this.root.isConnected) return this.stop();
      const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
      if (!file) return;
      event.preventDefault();
      this.take(file);
    };
  }

  listen() {
    document.addEventListener("paste", this.onPaste);
  }

  stop() {
    document.removeEventListener("paste", this.onPaste);
  }

  update({ data, setTriggerValue }) {
    this.data = data;
    this.trigger = setTriggerValue;
    this.label.textContent = data.label;
    this.say(data.name || "or drop one here, or paste it (Ctrl+V)");
    this.away.style.display = data.name ? "" : "none";
    this.root.classList.toggle("full", Boolean(data.name));
  }

  say(words) {
    this.text.textContent = words;
    this.text.title = words;
  }

  take(file) {
    if (!file) return;
    if (file.size > this.data.largest) {
      this.say(`This file is larger than ${Math.round(this.data.largest / 2 ** 20)} MB.`);
      return;
    }
    this.say("Sending \u2026");
    const reader = new FileReader();
    reader.onload = () => this.send(file.name || "pasted picture", String(reader.result).split(",")[1] ?? "");
    reader.onerror = () => this.say("The file could not be read.");
    reader.readAsDataURL(file);
  }

  send(name, data) {
    this.trigger("picture", { name, data });
  }
}

export default function (component) {
  const { parentElement } = component;
  let box = boxes.get(parentElement);
  if (!box) {
    box = new Box(parentElement);
    boxes.set(parentElement, box);
  }
  box.stop();
  box.listen();
  box.update(component);
  return () => setTimeout(() => box.root.isConnected || box.stop(), 0);
}
