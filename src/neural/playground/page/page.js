// The page: what is chosen goes to the server, what comes back is drawn. One reply to each message, in order.
import * as draw from "./draw.js";
import { formulas, html, number } from "./formulas.js";

const find = (id) => document.getElementById(id);
const SETS = { moons: "Moons", circles: "Circles", spirals: "Spirals", xor: "XOR", csv: "Your CSV", fashion: "Images" };
const STEPS = { ready: "Forward", forward: "Backward", backward: "Update", update: "Forward" };
const IMAGES = { samples: 6000, batch_size: 32, hidden: [{ units: 32, activation: "relu" }, { units: 16, activation: "relu" }], learning_rate: 0.003 };
const NOISE = { moons: 0.2, circles: 0.1, spirals: 0.03, xor: 0.05 };
const KEPT = 1500; // entries of the history of costs; beyond them every second one goes
const SIDE = 28;

let choices, bounds, settings, defaults;
let data = null, latest = null, newest = 0, drawn = 0;
let playing = false, history = [], spacing = 0, shownUnits = 12;
let view = { layer: 0, unit: 0, point: null };
let nodes = [], layer = null, pad = new Uint8Array(SIDE * SIDE), places = null;
globalThis.pictures = 0; // drawn so far, for who measures

// --- the protocol ----------------------------------------------------------------------------------------------
let socket = null, waiting = [];

function connect() {
  return new Promise((resolve, reject) => {
    socket = new WebSocket(`ws://${location.host}/session`);
    socket.binaryType = "arraybuffer";
    socket.onopen = resolve;
    socket.onmessage = ({ data: message }) => waiting.shift()?.resolve(decode(message));
    socket.onclose = () => {
      reject(new Error("closed"));
      playing = false;
      showPlay();
      for (const { reject: give } of waiting.splice(0)) give(new Error("closed"));
      tell("There is no connection to neural. Start it again with: neural playground", true);
    };
  });
}

function decode(message) {
  if (typeof message === "string") return JSON.parse(message);
  const length = new DataView(message).getUint32(0, true), start = 4 + length;
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length)));
  header.payload = start;
  header.buffer = message;
  const kinds = { u1: Uint8Array, f4: Float32Array };
  header.arrays = Object.fromEntries((header.arrays ?? []).map(([name, kind, shape, at]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return [name, { shape, values: new kinds[kind](message, start + at, size) }];
  }));
  return header;
}

function encode(header, payload) {
  const text = new TextEncoder().encode(JSON.stringify(header)), message = new Uint8Array(4 + text.length + payload.length);
  new DataView(message.buffer).setUint32(0, text.length, true);
  message.set(text, 4);
  message.set(payload, 4 + text.length);
  return message;
}

// Ask, and return the reply with its place in the order of replies; a refusal is shown and comes back as null.
async function ask(header, payload = null) {
  if (socket?.readyState !== WebSocket.OPEN) return null;
  const promise = new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  socket.send(payload ? encode(header, payload) : JSON.stringify(header));
  let reply;
  try {
    reply = await promise;
  } catch {
    return null;
  }
  reply.number = ++newest;
  if (reply.kind !== "error") return reply;
  tell(reply.message);
  stop();
  return null;
}

// Words of the moment, until they are closed or something works again.
function tell(message, closed = false) {
  find("what").textContent = message ?? "";
  find("message").hidden = !message;
  find("connect").hidden = !closed;
}

const say = (words) => { find("live").textContent = words; };

async function show(promise) {
  const picture = await promise;
  if (picture?.kind === "picture") render(picture);
  return picture;
}

// --- training --------------------------------------------------------------------------------------------------
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

async function play() {
  if (playing) return stop();
  tell("");
  playing = true;
  showPlay();
  const more = () => ask({ do: "train", ...JSON.parse(find("speed").value) });
  let next = more(), told = performance.now();
  while (playing) {
    const picture = await next;
    if (!picture) break;
    const over = picture.finished || !playing;
    next = over ? null : more(); // the server works on the next picture while this one is drawn
    await frame();
    render(picture);
    if (performance.now() - told > 8000) {
      told = performance.now();
      say(inWords(picture));
    }
    if (over) break;
  }
  if (next) await show(next);
  playing = false;
  showPlay();
  if (latest?.finished) tell(latest.finished);
  if (latest) say(`${latest.finished || "Paused."} ${inWords(latest)}`);
}

function write(id, words) {
  const element = find(id);
  if (element.textContent !== words) element.textContent = words;
}

const percent = (part) => `${(100 * part).toFixed(1)} %`;
const inWords = (p) => `Epoch ${p.epoch}: training cost ${number(p.cost)}, test cost ${number(p.test_cost)}, test accuracy ${percent(p.test_accuracy)}.`;

function stop() {
  playing = false;
}

function showPlay() {
  find("play").textContent = playing ? "Pause" : "Train";
}

async function step() {
  stop();
  const picture = await show(ask({ do: "step" }));
  if (!picture) return;
  const words = { forward: "Forward: every unit has its value.", backward: "Backward: the lines show the gradients.", update: "Updated: one batch is done." };
  say(`${words[picture.phase]} The cost of this batch is ${number(picture.batch_cost)}.`);
}

let asked = null, applying = false;

// Send settings as they now are; while an answer is on its way, only the last wish is kept.
async function configure(changes = {}) {
  asked = { ...(asked ?? settings), ...changes };
  if (applying) return;
  applying = true;
  while (asked) {
    const wanted = asked;
    asked = null;
    const picture = await show(ask({ do: "configure", settings: wanted }));
    if (picture) {
      settings = wanted;
      tell("");
    } else showSettings();
  }
  applying = false;
}

// --- what comes back -------------------------------------------------------------------------------------------
function render(picture) {
  if (picture.number < drawn) return; // one that a newer one has overtaken
  drawn = picture.number;
  latest = picture;
  if (picture.data) newData(picture);
  view.layer = picture.numbers.layer;
  view.unit = picture.numbers.unit;
  record(picture);
  markBatch(picture);
  drawNetwork(picture);
  if (data.image) drawInput();
  else drawPlane(picture);
  seldom("numbers", 100, drawNumbers);
  seldom("costs", 100, () => draw.costs(find("costs"), history));
  seldom("formulas", 250, drawFormulas);
  globalThis.pictures += 1;
}

function newData(picture) {
  data = { ...picture.data, ...picture.arrays };
  settings = picture.data.settings;
  history = [];
  spacing = 0;
  layer = null;
  view.point = null;
  find("note").textContent = data.note || `${data.train} rows to train on, ${data.test} to test on.`;
  find("plane-part").hidden = Boolean(data.image);
  find("big").hidden = Boolean(data.image);
  find("draw-part").hidden = !data.image;
  find("axis-0").textContent = data.axes[0];
  find("axis-1").textContent = data.axes[1];
  find("params").textContent = `${data.params.toLocaleString("en")} parameters`;
  find("answer-title").textContent = data.image ? "Draw something" : "Answer";
  buildLegend();
  buildNetwork();
  if (data.image) buildGuesses();
  showSettings();
}

function record(picture) {
  const epoch = picture.epoch + picture.batch / picture.per_epoch, last = history.at(-1);
  if (last && epoch <= last.epoch) return;
  const entry = { epoch, cost: picture.cost, test: picture.test_cost };
  if (last && history.length > 1 && epoch - history.at(-2).epoch < spacing) history[history.length - 1] = entry;
  else history.push(entry);
  if (history.length > KEPT) {
    history = history.filter((_, k) => k % 2 === 0);
    spacing = 2 * Math.max(spacing, epoch / KEPT);
  }
}

function drawNumbers(picture = latest) {
  const part = picture.batch ? ` + ${picture.batch}/${picture.per_epoch}` : "";
  write("epoch", `${picture.epoch}${part}`);
  write("rate", number(picture.rate));
  for (const name of ["cost", "test_cost"]) write(name, number(picture[name]));
  for (const name of ["accuracy", "test_accuracy"]) write(name, percent(picture[name]));
  write("step", STEPS[picture.phase]);
}

// What need not be drawn with every picture while it trains; the last one is drawn in any case.
const last = {};
function seldom(name, every, call) {
  const now = performance.now(), mine = (last[name] ??= { at: 0, timer: null });
  clearTimeout(mine.timer);
  if (playing && now - mine.at < every) {
    mine.timer = setTimeout(() => seldom(name, 0, call), every);
    return;
  }
  mine.at = now;
  call();
}

// --- the network -----------------------------------------------------------------------------------------------
function buildNetwork() {
  const columns = [inputColumn(), ...settings.hidden.map(hiddenColumn), outputColumn()];
  find("columns").replaceChildren(...columns);
  const n = settings.hidden.length;
  find("layers-out").textContent = `${n || "No"} hidden layer${n === 1 ? "" : "s"}`;
  find("fewer").disabled = n === 0;
  find("more").disabled = n === choices.layers;
  places = null;
}

function column(kind, label, head, body) {
  return html("div", { class: `column ${kind}`, role: "group", "aria-label": label }, html("header", {}, ...head), html("div", { class: "nodes" }, ...body));
}

function inputColumn() {
  nodes = [];
  if (data.image) {
    const canvas = html("canvas", { width: SIDE, height: SIDE, "aria-hidden": "true" });
    return column("input", "Inputs", ["Input"], [html("div", { class: "node image" }, canvas, html("span", { class: "name" }, "784 pixels"))]);
  }
  return column("input", "Inputs", ["Inputs"], data.axes.map((axis, k) => {
    const canvas = html("canvas", { "aria-hidden": "true" });
    const ramp = Uint8Array.from({ length: 576 }, (_, i) => 1 + Math.round((254 * (k ? 23 - Math.floor(i / 24) : i % 24)) / 23));
    draw.tile(canvas, ramp, 24, 24);
    return html("div", { class: "node" }, canvas, html("span", { class: "name", title: axis }, axis), html("span", { class: "value" }));
  }));
}

function unitNodes(k, names = null) {
  const n = Math.min(data.sizes[k], shownUnits);
  nodes[k] = Array.from({ length: n }, (_, unit) => {
    const canvas = html("canvas", { "aria-hidden": "true" }), value = html("span", { class: "value" });
    const name = names ? [html("span", { class: "name", title: names[unit] }, names[unit])] : [];
    const button = html("button", { class: "node", type: "button" }, canvas, ...name, value);
    const look = () => inspect(k, unit);
    button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && look());
    button.addEventListener("focus", look);
    button.addEventListener("click", look);
    return { button, canvas, value, name: names?.[unit] };
  });
  const rest = data.sizes[k] - n;
  return [...nodes[k].map(({ button }) => button), ...(rest > 0 ? [html("p", { class: "rest" }, `and ${rest} more`)] : [])];
}

function hiddenColumn({ units, activation }, k) {
  const label = `Hidden layer ${k + 1}`;
  const change = (by) => html("button", { type: "button", "aria-label": `${label}: one unit ${by > 0 ? "more" : "less"}`, disabled: units + by < bounds.units.low || units + by > bounds.units.high }, by > 0 ? "+" : "−");
  const less = change(-1), more = change(1);
  const alter = (changes) => configure({ hidden: settings.hidden.map((h, i) => (i === k ? { ...h, ...changes } : h)) }).then(() => restoreFocus(k, less, more));
  less.addEventListener("click", () => alter({ units: units - 1 }));
  more.addEventListener("click", () => alter({ units: units + 1 }));
  less.dataset.control = `less-${k}`;
  more.dataset.control = `more-${k}`;
  const select = html("select", { "aria-label": `${label}: activation`, "data-control": `activation-${k}` }, ...options(choices.activation, activation));
  select.addEventListener("change", () => alter({ activation: select.value }));
  const counter = html("div", { class: "units" }, less, html("b", { "aria-label": `${units} units` }, String(units)), more);
  return column("hidden", `${label}, ${units} units, ${activation}`, [counter, select], unitNodes(k));
}

// The controls are made anew with each network; the one that was in use keeps the focus.
let control = null;
document.addEventListener("focusin", ({ target }) => { control = target.dataset?.control ?? (target === document.body ? control : null); });
function restoreFocus() {
  if (control && document.activeElement === document.body) document.querySelector(`[data-control="${control}"]`)?.focus();
}

function outputColumn() {
  return column("output", "Outputs", ["softmax"], unitNodes(data.sizes.length - 1, data.classes));
}

const options = (names, chosen) => names.map((name) => html("option", { selected: name === chosen }, name));

function locate() {
  const stage = find("stage"), origin = stage.getBoundingClientRect();
  const sides = (canvas) => {
    const box = canvas.getBoundingClientRect(), y = (box.top + box.bottom) / 2 - origin.top;
    return { left: [box.left - origin.left, y], right: [box.right - origin.left, y] };
  };
  const middle = (all) => ({ left: all.map((s) => s.left), right: all.map((s) => s.right) });
  const inputs = [...find("columns").firstElementChild.querySelectorAll("canvas")].map(sides);
  places = { layers: [middle(inputs), ...nodes.map((units) => middle(units.map(({ canvas }) => sides(canvas))))], size: { width: stage.clientWidth, height: stage.clientHeight } };
}

const checked = (name) => document.querySelector(`input[name="${name}"]:checked`).value;

function drawNetwork(picture) {
  const gradients = picture.phase === "backward" || checked("lines") === "gradients";
  nodes.forEach((units, k) => {
    const tiles = picture.arrays[`tiles${k}`], [, high, wide] = tiles.shape;
    const values = picture.arrays[`${picture.phase === "backward" ? "errors" : "values"}${k}`];
    units.forEach(({ button, canvas, value, name }, unit) => {
      draw.tile(canvas, tiles.values.subarray(unit * high * wide, (unit + 1) * high * wide), high, wide, k === nodes.length - 1 ? unit : null);
      const words = picture.stepping && values ? number(values.values[unit]) : "";
      if (value.textContent !== words) value.textContent = words;
      const mine = k === view.layer && unit === view.unit;
      if ((button.getAttribute("aria-current") === "true") !== mine) button.setAttribute("aria-current", mine);
      if (!playing || !button.ariaLabel) button.ariaLabel = nodeLabel(picture, k, unit, name);
    });
  });
  if (!places) locate();
  const matrices = nodes.map((_, k) => picture.arrays[`${gradients ? "gradients" : "weights"}${k}`]);
  if (data.image) matrices[0].relative = true; // norms of 784 weights each
  drawInputs(picture);
  draw.links(find("links"), places.layers, matrices, gradients, places.size);
  write("key-units", data.image ? "Pictures of layer 1: the weights; of later layers: the mean for each class." : "A unit's picture: what it answers over the plane.");
  write("key-lines", gradients ? "The wider a line, the larger dJ/dw for the next batch." : "The wider a line, the larger its weight.");
}

function drawInputs(picture) {
  const values = picture.stepping ? picture.arrays.inputs : null;
  [...find("columns").firstElementChild.querySelectorAll(".value")].forEach((value, k) => { value.textContent = values ? number(values.values[k]) : ""; });
}

function nodeLabel(picture, k, unit, name) {
  const bias = number(picture.arrays[`biases${k}`].values[unit]), value = number(picture.arrays[`values${k}`].values[unit]);
  const place = name ? `Output ${name}` : `Layer ${k + 1}, unit ${unit + 1}`;
  return `${place}: bias ${bias}, value ${value}`;
}

let looking = "";
function inspect(k, unit, point = view.point) {
  const wish = JSON.stringify([k, unit, point]);
  if (wish === looking) return;
  looking = wish;
  Object.assign(view, { layer: k, unit, point });
  if (!playing) tell("");
  show(ask({ do: "inspect", layer: k, unit, point })).then(() => { if (looking === wish) looking = ""; });
}

// --- formulas --------------------------------------------------------------------------------------------------
function drawFormulas(picture = latest) {
  const layers = data.sizes.length, { layer: k, unit, rows } = picture.numbers;
  find("formulas-title").textContent = `${k === layers - 1 ? "Output layer" : `Layer ${k + 1}`}, unit ${unit + 1}`;
  const example = view.point ? `the point (${view.point.map(number).join(", ")})` : picture.stepping ? `row 1 of the ${rows} of this batch` : "the first test row";
  find("of-what").textContent = `The example is ${example}.`;
  find("formulas-body").replaceChildren(...formulas(picture, settings.optimizer, layers));
}

// --- the plane -------------------------------------------------------------------------------------------------
function drawPlane(picture) {
  if (!layer) layer = draw.points(find("plane"), data, find("show-test").checked, picture.rows ?? null);
  let unit = null;
  if (checked("big") === "unit") {
    const tiles = picture.arrays[`tiles${view.layer}`], [n, side] = tiles.shape;
    if (view.unit < n) unit = { bytes: tiles.values.subarray(view.unit * side * side, (view.unit + 1) * side * side), side, output: view.layer === nodes.length - 1 ? view.unit : null };
  }
  draw.plane(find("plane"), picture, data.extent, layer, view.point, unit);
}

let marked = "";
function markBatch(picture) { // the points are drawn anew where another batch is looked at
  const now = (picture.rows ?? []).join();
  if (now !== marked) layer = null;
  marked = now;
}

function pointAt(event) {
  const box = find("plane").getBoundingClientRect(), [left, right, bottom, top] = data.extent;
  return [left + ((event.clientX - box.left) / box.width) * (right - left), top - ((event.clientY - box.top) / box.height) * (top - bottom)];
}

function movePoint(event) {
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
  if (event.key === "Escape") return inspect(view.layer, view.unit, null);
  if (!by) return;
  event.preventDefault();
  const [left, right, bottom, top] = data.extent, from = view.point ?? [(left + right) / 2, (bottom + top) / 2];
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const point = [clamp(from[0] + (by[0] * (right - left)) / 40, left, right), clamp(from[1] + (by[1] * (top - bottom)) / 40, bottom, top)];
  inspect(view.layer, view.unit, point);
  say(`Point ${point.map(number).join(", ")}`);
}

function buildLegend() {
  find("classes").replaceChildren(...data.classes.map((name, k) => {
    const canvas = html("canvas", { "aria-hidden": "true" });
    draw.sample(canvas, k);
    return html("li", {}, canvas, name);
  }));
  find("plane").setAttribute("aria-label", `The plane of ${data.axes.join(" and ")}, coloured by the class the network answers: ${data.classes.map((name, k) => `${name} ${draw.className(k)}`).join(", ")}. The arrow keys move the point whose numbers stand in the formulas, Escape takes it away.`);
}

// --- drawing an image ------------------------------------------------------------------------------------------
let pen = null, cursor = [14, 14], ask_again = false, classifying = false;

function drawInput() {
  const input = find("columns").querySelector(".node.image canvas");
  draw.greys(input, pad, SIDE);
  drawPad();
  guess();
}

function drawPad() {
  const canvas = find("drawing");
  draw.greys(canvas, pad, SIDE);
  if (document.activeElement !== canvas || pen) return;
  const context = canvas.getContext("2d");
  context.fillStyle = "rgba(111, 180, 245, .8)";
  context.fillRect(cursor[0], cursor[1], 1, 1);
}

// A soft round brush: full in its middle pixel, less beside it.
function paint(x, y) {
  for (let row = Math.floor(y) - 2; row <= y + 2; row++) for (let column = Math.floor(x) - 2; column <= x + 2; column++) {
    if (row < 0 || column < 0 || row >= SIDE || column >= SIDE) continue;
    const far = Math.hypot(column + 0.5 - x, row + 0.5 - y), grey = 255 * Math.min(Math.max(1.9 - far, 0), 1);
    pad[row * SIDE + column] = Math.max(pad[row * SIDE + column], grey);
  }
}

function stroke(event) {
  const box = find("drawing").getBoundingClientRect();
  const to = [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  const from = pen ?? to, steps = Math.max(1, Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])));
  for (let k = 1; k <= steps; k++) paint(from[0] + ((to[0] - from[0]) * k) / steps, from[1] + ((to[1] - from[1]) * k) / steps);
  pen = to;
  drawInput();
}

function drawByKey(event) {
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
  if (event.key === " ") paint(cursor[0] + 0.5, cursor[1] + 0.5);
  else if (by) cursor = cursor.map((value, k) => Math.min(Math.max(value + by[k], 0), SIDE - 1));
  else return;
  event.preventDefault();
  drawInput();
}

function buildGuesses() {
  find("guesses").replaceChildren(...data.classes.map((name) => html("li", {}, html("span", {}, name), html("b", {}, ""))));
}

// While one answer is on its way, the last drawing alone waits for the next.
async function guess() {
  if (classifying) return void (ask_again = true);
  classifying = true;
  const reply = await ask({ do: "classify" }, pad);
  classifying = false;
  if (reply) {
    const best = reply.probabilities.indexOf(Math.max(...reply.probabilities));
    [...find("guesses").children].forEach((item, k) => {
      item.style.setProperty("--sure", reply.probabilities[k]);
      item.classList.toggle("first", k === best);
      item.lastChild.textContent = `${Math.round(100 * reply.probabilities[k])} %`;
    });
    find("guesses").dataset.first = data.classes[best];
  }
  if (ask_again) {
    ask_again = false;
    guess();
  }
}

async function testImage() {
  const reply = await ask({ do: "test_image", number: Math.floor(Math.random() * 10000) });
  if (!reply) return;
  pad = Uint8Array.from(reply.pixels);
  find("drawn").textContent = `A test image: ${reply.label}. Draw on it, and see what changes.`;
  drawInput();
}

// --- settings --------------------------------------------------------------------------------------------------
const NUMBERS = ["learning_rate", "epochs", "batch_size", "dropout", "l1", "l2"];
const SLIDES = ["noise", "samples", "test_fraction"];

function showSettings() {
  for (const input of document.querySelectorAll("input[name=set]")) input.checked = input.value === settings.data;
  for (const name of ["optimizer", "schedule"]) find(name).value = settings[name];
  for (const name of NUMBERS) find(name).value = settings[name];
  const image = settings.data === "fashion", toy = !image && settings.data !== "csv";
  find("csv").hidden = settings.data !== "csv";
  find("noise-row").hidden = !toy;
  find("samples-row").hidden = settings.data === "csv";
  find("samples-name").textContent = image ? "Images to train on" : "Points";
  find("test-row").hidden = image;
  find("redraw").hidden = image;
  find("redraw").textContent = toy ? "New points" : "Split anew";
  Object.assign(find("samples"), image ? { min: 1000, max: 10000, step: 1000 } : { min: 50, max: 2000, step: 10 });
  for (const name of SLIDES) find(name).value = settings[name];
  showSlides();
}

function showSlides() {
  find("noise-out").textContent = Number(find("noise").value).toFixed(2);
  find("samples-out").textContent = find("samples").value;
  find("test_fraction-out").textContent = `${Math.round(100 * find("test_fraction").value)} %`;
}

// Two classes of shape belong to the plane and to images; going from one to the other takes the other's usual network.
async function chooseSet(name) {
  if (name === "csv") {
    find("csv").hidden = false;
    if (!find("csv-columns").hidden) chooseColumns();
    return;
  }
  const usual = Object.fromEntries(Object.keys(IMAGES).map((key) => [key, defaults[key]]));
  const change = name === "fashion" ? IMAGES : settings.data === "fashion" ? usual : {};
  await configure({ data: name, ...(name in NOISE ? { noise: NOISE[name] } : {}), ...change });
  if (data.image) testImage();
}

async function readCsv() {
  const [file] = find("csv-file").files;
  if (!file) return;
  tell("");
  if (file.size > 2 ** 21) return tell(`${file.name} must be a file of at most 2 MB. Got ${(file.size / 2 ** 20).toFixed(1)} MB.`);
  const reply = await ask({ do: "csv", name: file.name.slice(-200) }, new Uint8Array(await file.arrayBuffer()));
  if (!reply) return;
  if (reply.numeric.length < 2 || !reply.classes.length) {
    return tell(`${reply.name} must have two columns of numbers and one of 2 to 10 classes. Got ${reply.numeric.length} of numbers and ${reply.classes.length} that may be classes.`);
  }
  const target = reply.classes.at(-1), numeric = reply.numeric.filter((name) => name !== target);
  find("column-0").replaceChildren(...options(reply.numeric, numeric[0]));
  find("column-1").replaceChildren(...options(reply.numeric, numeric[1] ?? reply.numeric.find((name) => name !== numeric[0])));
  find("target").replaceChildren(...options(reply.classes, target));
  find("csv-columns").hidden = false;
  chooseColumns();
}

async function chooseColumns() {
  const change = settings.data === "fashion" ? Object.fromEntries(Object.keys(IMAGES).map((key) => [key, defaults[key]])) : {};
  stop();
  await configure({ data: "csv", columns: [find("column-0").value, find("column-1").value], target: find("target").value, ...change });
}

function buildSets(missing) {
  find("sets").append(...choices.data.map((name) => {
    const canvas = html("canvas", { "aria-hidden": "true" }), why = missing[name];
    const input = html("input", { type: "radio", name: "set", value: name, class: "unseen", disabled: Boolean(why) });
    input.addEventListener("change", () => chooseSet(name));
    return html("label", { class: "set", title: why || null }, input, canvas, SETS[name] ?? name);
  }));
  find("note").title = Object.values(missing).join(" ");
  thumbnails();
}

function thumbnails() {
  for (const label of document.querySelectorAll(".set")) draw.thumbnail(label.querySelector("canvas"), label.querySelector("input").value);
}

// --- files -----------------------------------------------------------------------------------------------------
function download(name, bytes, type) {
  const link = html("a", { href: URL.createObjectURL(new Blob([bytes], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function saveFile(what) {
  const reply = await ask({ do: what });
  if (!reply) return;
  download(reply.name, new Uint8Array(reply.buffer, reply.payload), "application/octet-stream");
  say(`${reply.name} is saved.`);
}

async function openFile() {
  const [file] = find("open").files;
  if (!file) return;
  stop();
  tell("");
  const bytes = new Uint8Array(await file.arrayBuffer());
  find("open").value = "";
  if (bytes.length > 15 * 2 ** 20) return tell(`${file.name} must be a file that this playground has saved. Got one of ${(bytes.length / 2 ** 20).toFixed(0)} MB.`);
  const question = file.name.endsWith(".safetensors") ? { do: "open_network", name: file.name.slice(-200) } : { do: "load" };
  if (await show(ask(question, bytes))) say(`${file.name} is open.`);
}

async function showCode() {
  const reply = await ask({ do: "script" });
  if (!reply) return;
  find("code-text").textContent = reply.text;
  find("code-copy").textContent = "Copy";
  find("code-dialog").showModal();
}

async function copyCode() {
  try {
    await navigator.clipboard.writeText(find("code-text").textContent);
    find("code-copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(find("code-text"));
    find("code-copy").textContent = "Selected: copy it with Ctrl-C";
  }
}

// --- dark and light --------------------------------------------------------------------------------------------
function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  find("theme").setAttribute("aria-pressed", draw.isDark());
  thumbnails();
  layer = null;
  if (!data) return;
  buildLegend();
  buildNetwork();
  if (latest) redrawAll();
}

function redrawAll() {
  draw.resized();
  layer = null;
  places = null;
  if (!latest) return;
  drawNetwork(latest);
  if (!data.image) drawPlane(latest);
  draw.costs(find("costs"), history);
}

function remembered() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

function switchTheme() {
  const theme = draw.isDark() ? "light" : "dark";
  try {
    localStorage.setItem("theme", theme);
  } catch { /* it is then forgotten with the page */ }
  setTheme(theme);
}

// --- the start -------------------------------------------------------------------------------------------------
function listen() {
  const on = (id, what, call) => find(id).addEventListener(what, call);
  on("play", "click", play);
  on("step", "click", step);
  on("restart", "click", () => { tell(""); show(ask({ do: "restart" })); });
  on("reseed", "click", () => configure({ seed: settings.seed + 1 }));
  on("redraw", "click", () => configure({ data_seed: settings.data_seed + 1 }));
  on("theme", "click", switchTheme);
  on("dismiss", "click", () => tell(""));
  on("connect", "click", () => begin().catch(() => {}));
  on("fewer", "click", () => configure({ hidden: settings.hidden.slice(0, -1) }));
  on("more", "click", () => configure({ hidden: [...settings.hidden, settings.hidden.at(-1) ?? defaults.hidden[0]] }));
  for (const name of ["optimizer", "schedule"]) on(name, "change", () => configure({ [name]: find(name).value }));
  for (const name of NUMBERS) on(name, "change", () => configure({ [name]: find(name).value === "" ? settings[name] : Number(find(name).value) }).then(showSettings));
  for (const name of SLIDES) {
    on(name, "input", () => { showSlides(); if (settings.data !== "fashion") configure({ [name]: Number(find(name).value) }); });
    on(name, "change", () => configure({ [name]: Number(find(name).value) }));
  }
  for (const name of ["lines", "big"]) for (const input of document.getElementsByName(name)) input.addEventListener("change", redrawAll);
  on("show-test", "change", redrawAll);
  on("plane", "click", (event) => inspect(view.layer, view.unit, pointAt(event)));
  on("plane", "keydown", movePoint);
  on("csv-file", "change", readCsv);
  for (const name of ["column-0", "column-1", "target"]) on(name, "change", chooseColumns);
  on("drawing", "pointerdown", (event) => { event.preventDefault(); find("drawing").focus(); find("drawing").setPointerCapture(event.pointerId); pen = null; stroke(event); });
  on("drawing", "pointermove", (event) => pen && stroke(event));
  for (const end of ["pointerup", "pointercancel"]) on("drawing", end, () => { pen = null; });
  on("drawing", "keydown", drawByKey);
  for (const what of ["focus", "blur"]) on("drawing", what, drawPad);
  on("clear", "click", () => { pad.fill(0); find("drawn").textContent = "Draw with the pointer, or with the arrow keys and space."; drawInput(); });
  on("example", "click", testImage);
  on("code", "click", showCode);
  on("code-close", "click", () => find("code-dialog").close());
  on("code-copy", "click", copyCode);
  on("code-save", "click", () => download("playground.py", find("code-text").textContent, "text/x-python"));
  on("save", "click", () => saveFile("save"));
  on("save-network", "click", () => saveFile("save_network"));
  on("open", "change", openFile);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chosenByHand() || setTheme(null));
  new ResizeObserver(() => requestAnimationFrame(redrawAll)).observe(document.querySelector("main"));
  new ResizeObserver(() => requestAnimationFrame(redrawAll)).observe(find("stage"));
}

const chosenByHand = () => Boolean(document.documentElement.dataset.theme);

async function begin() {
  await connect();
  tell("");
  const hello = await ask({ do: "hello" });
  if (!choices) {
    ({ choices } = hello);
    bounds = choices.bounds;
    defaults = hello.settings;
    settings = defaults;
    find("optimizer").append(...options(choices.optimizer));
    find("schedule").append(...options(choices.schedule));
    buildSets(hello.missing);
    listen();
    if (matchMedia("(max-width: 62rem)").matches) for (const id of ["data", "training"]) find(id).open = false;
  }
  shownUnits = hello.sizes.shown;
  drawn = newest;
  await show(ask({ do: "configure", settings: defaults }));
}

setTheme(remembered());
begin().catch(() => {});
