// Drawing an image, and what the network takes it for.
import * as draw from "./draw.js";
import { html } from "./formulas.js";

export const SIDE = 28;
const HOW = "Draw with the pointer, or with the arrow keys and space.";
const find = (id) => document.getElementById(id);

let ask, classes = [], pad = new Uint8Array(SIDE * SIDE);
let pen = null, cursor = [14, 14], again = false, classifying = false;

export function drawInput() {
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

export function buildGuesses(names) {
  classes = names;
  find("guesses").replaceChildren(...classes.map((name) => html("li", {}, html("span", {}, name), html("b", {}, ""))));
}

// While one answer is on its way, the last drawing alone waits for the next.
async function guess() {
  if (classifying) return void (again = true);
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
    find("guesses").dataset.first = classes[best];
  }
  if (again) {
    again = false;
    guess();
  }
}

export async function testImage() {
  const reply = await ask({ do: "test_image", number: Math.floor(Math.random() * 10000) });
  if (!reply) return;
  pad = Uint8Array.from(reply.pixels);
  find("drawn").textContent = `A test image: ${reply.label}. Draw on it, and see what changes.`;
  drawInput();
}

function clear() {
  pad.fill(0);
  find("drawn").textContent = HOW;
  drawInput();
}

// Answer to the pointer and the keys; `question` asks the server.
export function listen(question) {
  ask = question;
  const drawing = find("drawing"), on = (what, call) => drawing.addEventListener(what, call);
  on("pointerdown", (event) => {
    event.preventDefault();
    drawing.focus();
    drawing.setPointerCapture(event.pointerId);
    pen = null;
    stroke(event);
  });
  on("pointermove", (event) => pen && stroke(event));
  for (const end of ["pointerup", "pointercancel"]) on(end, () => { pen = null; });
  on("keydown", drawByKey);
  for (const what of ["focus", "blur"]) on(what, drawPad);
  find("clear").addEventListener("click", clear);
  find("example").addEventListener("click", testImage);
}
