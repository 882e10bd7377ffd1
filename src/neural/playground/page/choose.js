// The choice of data: toys, a CSV file, images.
import { thumbnail } from "./draw.js";
import { html, options } from "./formulas.js";
import { testImage } from "./sketch.js";

const SETS = { moons: "Moons", circles: "Circles", spirals: "Spirals", xor: "XOR", csv: "Your CSV", fashion: "Images" };
const IMAGES = { samples: 6000, batch_size: 32, hidden: [{ units: 32, activation: "relu" }, { units: 16, activation: "relu" }], learning_rate: 0.003 };
const NOISE = { moons: 0.2, circles: 0.1, spirals: 0.03, xor: 0.05 };
const find = (id) => document.getElementById(id);
let page; // what the page lends: ask, configure, tell, settings and defaults

// Two classes of shape belong to the plane and to images; going from one to the other takes the other's usual network.
async function chooseSet(name) {
  if (name === "csv") {
    find("csv").hidden = false;
    if (!find("csv-columns").hidden) chooseColumns();
    return;
  }
  const change = name === "fashion" ? IMAGES : usual();
  await page.configure({ data: name, ...(name in NOISE ? { noise: NOISE[name] } : {}), ...change });
  if (page.settings().data === "fashion") testImage();
}

// The usual network of the plane, where there was one of images.
function usual() {
  return page.settings().data === "fashion" ? Object.fromEntries(Object.keys(IMAGES).map((key) => [key, page.defaults[key]])) : {};
}

async function readCsv() {
  const [file] = find("csv-file").files;
  if (!file) return;
  page.tell("");
  if (file.size > 2 ** 21) return page.tell(`${file.name} must be a file of at most 2 MB. Got ${(file.size / 2 ** 20).toFixed(1)} MB.`);
  const reply = await page.ask({ do: "csv", name: file.name.slice(-200) }, new Uint8Array(await file.arrayBuffer()));
  if (!reply) return;
  if (reply.numeric.length < 2 || !reply.classes.length) {
    const got = `${reply.numeric.length} of numbers and ${reply.classes.length} that may be classes`;
    return page.tell(`${reply.name} must have two columns of numbers and one of 2 to 10 classes. Got ${got}.`);
  }
  const target = reply.classes.at(-1), numeric = reply.numeric.filter((name) => name !== target);
  find("column-0").replaceChildren(...options(reply.numeric, numeric[0]));
  find("column-1").replaceChildren(...options(reply.numeric, numeric[1] ?? reply.numeric.find((name) => name !== numeric[0])));
  find("target").replaceChildren(...options(reply.classes, target));
  find("csv-columns").hidden = false;
  chooseColumns();
}

async function chooseColumns() {
  const columns = [find("column-0").value, find("column-1").value];
  await page.configure({ data: "csv", columns, target: find("target").value, ...usual() });
}

function buildSets(names, missing) {
  find("sets").append(...names.map((name) => {
    const canvas = html("canvas", { "aria-hidden": "true" }), why = missing[name];
    const input = html("input", { type: "radio", name: "set", value: name, class: "unseen", disabled: Boolean(why) });
    input.addEventListener("change", () => chooseSet(name));
    return html("label", { class: "set", title: why || null }, input, canvas, SETS[name] ?? name);
  }));
  find("missing").textContent = Object.values(missing).join(" ");
  thumbnails();
}

export function thumbnails() {
  for (const label of document.querySelectorAll(".set")) thumbnail(label.querySelector("canvas"), label.querySelector("input").value);
}

export function listen(lent, names, missing) {
  page = lent;
  buildSets(names, missing);
  find("csv-file").addEventListener("change", readCsv);
  for (const name of ["column-0", "column-1", "target"]) find(name).addEventListener("change", chooseColumns);
}
