// What is kept: the Python code, the session, the network's file.
import { html } from "./formulas.js";

const MOST = 15; // megabytes of a file that is opened
const find = (id) => document.getElementById(id);
let page; // what the page lends: ask, show, stop, say and tell

function download(name, bytes, type) {
  const link = html("a", { href: URL.createObjectURL(new Blob([bytes], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function saveFile(what) {
  const reply = await page.ask({ do: what });
  if (!reply) return;
  download(reply.name, new Uint8Array(reply.buffer, reply.payload), "application/octet-stream");
  page.say(`${reply.name} is saved.`);
}

async function openFile() {
  const [file] = find("open").files;
  if (!file) return;
  page.stop();
  page.tell("");
  const bytes = new Uint8Array(await file.arrayBuffer());
  find("open").value = "";
  if (bytes.length > MOST * 2 ** 20) {
    return page.tell(`${file.name} must be a file of at most ${MOST} MB. Got ${(bytes.length / 2 ** 20).toFixed(0)} MB.`);
  }
  const question = file.name.endsWith(".safetensors") ? { do: "open_network", name: file.name.slice(-200) } : { do: "load" };
  if (await page.show(page.ask(question, bytes))) page.say(`${file.name} is open.`);
}

async function showCode() {
  const reply = await page.ask({ do: "script" });
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

export function listen(lent) {
  page = lent;
  const on = (id, what, call) => find(id).addEventListener(what, call);
  on("code", "click", showCode);
  on("code-close", "click", () => find("code-dialog").close());
  on("code-copy", "click", copyCode);
  on("code-save", "click", () => download("playground.py", find("code-text").textContent, "text/x-python"));
  on("save", "click", () => saveFile("save"));
  on("save-network", "click", () => saveFile("save_network"));
  on("open", "change", openFile);
}
