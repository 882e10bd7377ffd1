// The page: what is chosen goes to the server, what comes back is drawn.
import * as choose from "./choose.js";
import * as costs from "./costs.js";
import * as draw from "./draw.js";
import { formulas, html, number, options } from "./formulas.js";
import * as keep from "./keep.js";
import * as sketch from "./sketch.js";
import { connect, question, replies } from "./talk.js";

const find = (id) => document.getElementById(id);
const STEPS = { ready: "Forward", forward: "Backward", backward: "Update", update: "Forward" };

let choices, bounds, settings, defaults;
let data = null, latest = null, drawn = 0;
let playing = false, shownUnits = 12;
let view = { layer: 0, unit: 0, point: null };
let nodes = [], layer = null, places = null;
globalThis.pictures = 0; // drawn so far, for who measures

// --- asking ----------------------------------------------------------------------------------------------------
// Ask, and return the reply; a refusal is shown and comes back as null.
async function ask(header, payload = null) {
  const reply = await question(header, payload);
  if (reply?.kind !== "error") return reply;
  tell(reply.message);
  stop();
  return null;
}

function closed() {
  stop();
  showPlay();
  tell("There is no connection to neural. Start it again with: neural playground", true);
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
  costs.record(picture);
  markBatch(picture);
  drawNetwork(picture);
  if (data.image) sketch.drawInput();
  else drawPlane(picture);
  seldom("numbers", 100, drawNumbers);
  seldom("costs", 100, () => costs.drawCosts(find("costs")));
  seldom("formulas", 250, drawFormulas);
  globalThis.pictures += 1;
}

function newData(picture) {
  data = { ...picture.data, ...picture.arrays };
  settings = picture.data.settings;
  costs.forget();
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
  if (data.image) sketch.buildGuesses(data.classes);
  showSettings();
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
    const canvas = html("canvas", { width: sketch.SIDE, height: sketch.SIDE, "aria-hidden": "true" });
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

// --- dark and light --------------------------------------------------------------------------------------------
function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  find("theme").setAttribute("aria-pressed", draw.isDark());
  choose.thumbnails();
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
  costs.drawCosts(find("costs"));
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
  sketch.listen(ask);
  keep.listen({ ask, show, stop, say, tell });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chosenByHand() || setTheme(null));
  new ResizeObserver(() => requestAnimationFrame(redrawAll)).observe(document.querySelector("main"));
  new ResizeObserver(() => requestAnimationFrame(redrawAll)).observe(find("stage"));
}

const chosenByHand = () => Boolean(document.documentElement.dataset.theme);

async function begin() {
  await connect(closed);
  tell("");
  const hello = await ask({ do: "hello" });
  if (!choices) {
    ({ choices } = hello);
    bounds = choices.bounds;
    defaults = hello.settings;
    settings = defaults;
    find("optimizer").append(...options(choices.optimizer));
    find("schedule").append(...options(choices.schedule));
    choose.listen({ ask, configure, tell, defaults, settings: () => settings }, choices.data, hello.missing);
    listen();
    if (matchMedia("(max-width: 62rem)").matches) for (const id of ["data", "training"]) find(id).open = false;
  }
  shownUnits = hello.sizes.shown;
  drawn = replies();
  await show(ask({ do: "configure", settings: defaults }));
}

setTheme(remembered());
begin().catch(() => {});
