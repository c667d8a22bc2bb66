"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const viewer = byId("viewer");
  if (!viewer) return;

  const stage = byId("stage");
  const picture = byId("picture");
  const WORST = 32; // levels of 255 that an error map shows as its last colour
  const MOST_PIXELS = 4e6; // of an error map: larger pictures are compared reduced
  const RAMP = [[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];
  const COLOURS = Array.from({ length: 256 }, (_, level) => {
    const at = (level / 255) * (RAMP.length - 1);
    const low = Math.min(Math.floor(at), RAMP.length - 2);
    return RAMP[low].map((value, i) => value + (at - low) * (RAMP[low + 1][i] - value));
  });

  // x and y are the point of the picture, from 0 to 1, in the middle of each window;
  // zoom is how many CSS pixels one pixel of the largest version takes.
  const view = { x: 0.5, y: 0.5, zoom: 1, fitted: true };
  let shown = null;
  let split = 50;
  let sliding = false;
  let erring = false;
  const maps = new Map();

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const windows = () => [...stage.querySelectorAll(".window")];
  const pressed = (id, on) => byId(id).setAttribute("aria-pressed", String(on));

  const labels = () => JSON.stringify(shown.versions.map((version) => version.label));

  function fill(select, chosen) {
    select.replaceChildren(...shown.versions.map((version, i) => element("option", { value: i }, version.label)));
    select.value = chosen;
  }

  function show(number) {
    picture.value = number;
    const before = shown && labels();
    shown = JSON.parse(byId(`exhibit-${number}`).textContent);
    maps.clear();
    for (const row of document.querySelectorAll("tr[data-picture]")) {
      if (row.dataset.picture === String(number)) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
    const last = shown.versions.length - 1;
    if (before !== labels()) { // else what was chosen stays
      fill(byId("truth"), shown.truth);
      fill(byId("left"), last > 0 && shown.truth === 0 ? 0 : Math.max(0, last - 1));
      fill(byId("right"), last);
    }
    for (const id of ["beside", "slider", "errors", "truth"]) byId(id).disabled = last < 1;
    Object.assign(view, { x: 0.5, y: 0.5, fitted: true });
    lay();
  }

  const alike = (one, other) => Math.abs((one.width / one.height) / (other.width / other.height) - 1) < 0.03;

  function sheet(index, windowed) {
    const version = shown.versions[index];
    const image = element("img", {
      src: version.src, draggable: "false", decoding: "async",
      alt: `${shown.name}, ${version.label}, ${version.width} × ${version.height} pixels`,
    });
    // A size that was rounded is stretched to fit; another shape keeps its shape.
    image.style.objectFit = alike(version, shown) ? "fill" : "contain";
    const made = element("div", { class: "sheet", "data-version": index }, image);
    made.style.width = `${shown.width}px`;
    made.style.height = `${shown.height}px`;
    windowed.append(made);
    return made;
  }

  function frame(label) {
    const made = element("div", {
      class: "window", tabindex: "0", role: "group",
      "aria-label": `${label}: arrow keys move, plus and minus zoom, 0 fits, 1 shows pixel by pixel`,
    });
    made.style.aspectRatio = String(Math.min(2.5, Math.max(0.6, shown.width / shown.height)));
    hold(made);
    return made;
  }

  function caption(index) {
    const version = shown.versions[index];
    const facts = [`${version.width} × ${version.height}`, ...version.figures.map(([name, value]) => `${name} ${value}`)];
    if (version.lossy) facts.push("stored with a loss");
    return element("figcaption", {}, element("b", {}, version.label), " ", facts.join(" · "), " ", element("span", { class: "error", "data-version": index }));
  }

  function lay() {
    stage.classList.toggle("slider", sliding);
    byId("sides").hidden = !sliding;
    pressed("slider", sliding);
    pressed("beside", !sliding);
    pressed("errors", erring);
    byId("legend").hidden = !erring;
    stage.replaceChildren();
    if (sliding && shown.versions.length > 1) laySlider();
    else {
      shown.versions.forEach((version, index) => {
        const pane = frame(version.label);
        sheet(index, pane);
        stage.append(element("figure", {}, pane, caption(index)));
      });
    }
    place();
    if (erring) for (const made of stage.querySelectorAll(".sheet")) mapErrors(made);
  }

  function laySlider() {
    const [left, right] = [Number(byId("left").value), Number(byId("right").value)];
    const pane = frame(`${shown.versions[left].label} and ${shown.versions[right].label}`);
    sheet(left, pane);
    const clip = element("div", { class: "clip" });
    sheet(right, clip);
    const divider = element("div", {
      class: "divider", role: "slider", tabindex: "0", "aria-label": "Before and after",
      "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "horizontal",
    });
    pane.append(
      clip,
      element("span", { class: "tag left" }, shown.versions[left].label),
      element("span", { class: "tag right" }, shown.versions[right].label),
      divider,
    );
    stage.append(element("figure", {}, pane, caption(left), caption(right)));
    divider.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      divider.setPointerCapture(event.pointerId);
    });
    divider.addEventListener("pointermove", (event) => {
      if (!divider.hasPointerCapture(event.pointerId)) return;
      const box = pane.getBoundingClientRect();
      part(((event.clientX - box.left) / box.width) * 100);
    });
    divider.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 10 : 2;
      const to = {
        ArrowLeft: split - step, ArrowDown: split - step, ArrowRight: split + step, ArrowUp: split + step,
        PageDown: split - 20, PageUp: split + 20, Home: 0, End: 100,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      part(to);
    });
    part(split);
  }

  function part(percent) {
    split = Math.min(100, Math.max(0, percent));
    const divider = stage.querySelector(".divider");
    divider.style.left = `${split}%`;
    divider.setAttribute("aria-valuenow", Math.round(split));
    stage.querySelector(".clip").style.clipPath = `inset(0 0 0 ${split}%)`;
  }

  function fitting() {
    const pane = windows()[0];
    return Math.min(pane.clientWidth / shown.width, pane.clientHeight / shown.height);
  }

  function place() {
    if (view.fitted) view.zoom = fitting();
    stage.classList.toggle("fitted", view.fitted);
    const wanted = byId("rendering").value;
    for (const pane of windows()) {
      const left = pane.clientWidth / 2 - view.x * shown.width * view.zoom;
      const top = pane.clientHeight / 2 - view.y * shown.height * view.zoom;
      for (const made of pane.querySelectorAll(".sheet")) {
        made.style.transform = `translate(${left}px, ${top}px) scale(${view.zoom})`;
        const { width } = shown.versions[made.dataset.version];
        // Reduced, sharp pixels would be left out: they alias.
        const enlarged = (view.zoom * devicePixelRatio * shown.width) / width > 1;
        for (const layer of made.children) layer.style.imageRendering = enlarged ? wanted : "auto";
      }
    }
    byId("zoom").value = `${Math.round(view.zoom * 100)} %`;
  }

  function zoom(factor, across = 0, down = 0) {
    const before = view.zoom;
    view.zoom = Math.min(64, Math.max(Math.min(0.5, fitting()) / 2, before * factor));
    view.fitted = false;
    move(across * (1 / before - 1 / view.zoom), down * (1 / before - 1 / view.zoom));
  }

  function move(across, down) { // by pixels of the picture
    const inside = (value) => Math.min(1, Math.max(0, value));
    view.x = inside(view.x + across / shown.width);
    view.y = inside(view.y + down / shown.height);
    view.fitted = false;
    place();
  }

  function fit() {
    Object.assign(view, { x: 0.5, y: 0.5, fitted: true });
    place();
  }

  function actual() {
    zoom(1 / (view.zoom * devicePixelRatio));
  }

  function hold(pane) {
    const fingers = new Map();
    const middle = (box) => {
      const all = [...fingers.values()];
      const [x, y] = ["x", "y"].map((axis) => all.reduce((sum, finger) => sum + finger[axis], 0) / all.length);
      const apart = all.length > 1 ? Math.hypot(all[0].x - all[1].x, all[0].y - all[1].y) : 0;
      return { x, y, apart, across: x - box.left - box.width / 2, down: y - box.top - box.height / 2 };
    };
    pane.addEventListener("pointerdown", (event) => {
      if (event.button > 0) return;
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      pane.setPointerCapture(event.pointerId);
      pane.classList.add("held");
    });
    pane.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      // All of the picture is seen: one finger scrolls the page.
      if (view.fitted && event.pointerType === "touch" && fingers.size === 1) return;
      const box = pane.getBoundingClientRect();
      const before = middle(box);
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      const after = middle(box);
      move((before.x - after.x) / view.zoom, (before.y - after.y) / view.zoom);
      if (before.apart > 0 && after.apart > 0) zoom(after.apart / before.apart, after.across, after.down);
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      pane.addEventListener(name, (event) => {
        fingers.delete(event.pointerId);
        if (!fingers.size) pane.classList.remove("held");
      });
    }
    pane.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = pane.getBoundingClientRect();
      const lines = event.deltaMode === 1 ? 30 : 1;
      const turned = Math.min(200, Math.max(-200, event.deltaY * lines));
      zoom(Math.exp(-turned / 300), event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2);
    }, { passive: false });
    pane.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const step = pane.clientWidth / 10 / view.zoom;
      const act = {
        ArrowLeft: () => move(-step, 0), ArrowRight: () => move(step, 0),
        ArrowUp: () => move(0, -step), ArrowDown: () => move(0, step),
        "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: fit, 1: actual,
      }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
  }

  async function drawn(index, width, height) {
    const image = new Image();
    image.src = shown.versions[index].src;
    await image.decode();
    const canvas = element("canvas", { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  }

  async function errorMap(index, truth) {
    const reduced = Math.min(1, Math.sqrt(MOST_PIXELS / (shown.width * shown.height)));
    const width = Math.max(1, Math.round(shown.width * reduced));
    const height = Math.max(1, Math.round(shown.height * reduced));
    const [ours, theirs] = await Promise.all([drawn(index, width, height), drawn(truth, width, height)]);
    const [a, b] = [ours.data, theirs.data];
    let sum = 0;
    for (let i = 0; i < a.length; i += 4) {
      const error = (Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) + Math.abs(a[i + 2] - b[i + 2])) / 3;
      sum += error;
      const colour = COLOURS[Math.min(255, Math.round((error / WORST) * 255))];
      [a[i], a[i + 1], a[i + 2], a[i + 3]] = [...colour, 255];
    }
    return { data: ours, mean: sum / (width * height) };
  }

  async function mapErrors(made) {
    const [index, truth, exhibit] = [Number(made.dataset.version), Number(byId("truth").value), shown];
    const fact = () => stage.querySelector(`.error[data-version="${index}"]`);
    if (!alike(shown.versions[index], shown.versions[truth])) {
      fact().textContent = "· no error map: of another shape";
      return;
    }
    const key = `${index} ${truth}`;
    if (!maps.has(key)) maps.set(key, errorMap(index, truth));
    const { data, mean } = await maps.get(key);
    if (shown !== exhibit || !made.isConnected) return; // another picture was chosen meanwhile
    const version = shown.versions[index];
    const canvas = element("canvas", {
      width: data.width, height: data.height, role: "img",
      "aria-label": `Error map of ${shown.name}, ${version.label}: mean ${mean.toFixed(2)} levels`,
    });
    canvas.getContext("2d").putImageData(data, 0, 0);
    made.append(canvas);
    fact().textContent = `· mean error ${mean.toFixed(2)} levels`;
    place();
  }

  const turn = (by) => show((Number(picture.value) + by + picture.options.length) % picture.options.length);
  byId("previous").addEventListener("click", () => turn(-1));
  byId("next").addEventListener("click", () => turn(1));
  picture.addEventListener("change", () => show(Number(picture.value)));
  byId("beside").addEventListener("click", () => { sliding = false; lay(); });
  byId("slider").addEventListener("click", () => { sliding = true; lay(); });
  byId("errors").addEventListener("click", () => { erring = !erring; lay(); });
  for (const id of ["truth", "left", "right"]) byId(id).addEventListener("change", lay);
  byId("rendering").addEventListener("change", place);
  byId("in").addEventListener("click", () => zoom(1.25));
  byId("out").addEventListener("click", () => zoom(0.8));
  byId("fit").addEventListener("click", fit);
  byId("actual").addEventListener("click", actual);

  for (const button of document.querySelectorAll("tr[data-picture] button")) {
    button.addEventListener("click", () => {
      show(Number(button.closest("tr").dataset.picture));
      viewer.scrollIntoView({ block: "start" });
      windows()[0].focus({ preventScroll: true });
    });
  }
  const figure = byId("figure");
  if (figure) {
    const choose = () => {
      for (const table of document.querySelectorAll("[data-figure]")) table.hidden = table.dataset.figure !== figure.value;
    };
    figure.addEventListener("change", choose);
    choose();
  }

  const stops = RAMP.map((colour) => `rgb(${colour.join(" ")})`).join(", ");
  document.querySelector(".ramp").style.background = `linear-gradient(to right, ${stops})`;
  new ResizeObserver(() => { if (windows().length) place(); }).observe(stage);
  viewer.hidden = false;
  byId("choice").hidden = picture.options.length < 2;
  // The first row is where versions differ most.
  const row = document.querySelector("tr[data-picture]");
  show(row ? Number(row.dataset.picture) : 0);
})();
