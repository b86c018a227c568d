'use strict';
// Keeps a page as the box is now: takes its news and counts the seconds on. A page without news does
// not look as if it had some. What else follows them (lamps.js) hears of "news" and "liveness".

const LOST_MS = 3000; // until people are told that the page is not live
const SILENT_MS = 5000; // the box gives a sign of life every 2 s
const AGAIN_MS = 5000;

const main = document.querySelector('[data-events]');
const notice = document.getElementById('notice');

// -- seconds that go on -----------------------------------------------------------------------

function duration(seconds) {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

function clock(seconds) {
  const two = (number) => String(number).padStart(2, '0');
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

const since = new WeakMap(); // element -> when it was right

function count() {
  if (document.hidden || isStale()) return;
  for (const item of document.querySelectorAll('[data-age], [data-clock][data-runs]')) {
    if (!since.has(item)) since.set(item, performance.now());
    const passed = (performance.now() - since.get(item)) / 1000;
    const said = 'age' in item.dataset
      ? duration(Number(item.dataset.age) + passed)
      : clock(Number(item.dataset.clock) + passed);
    if (item.textContent !== said) item.textContent = said;
  }
}

// -- news -------------------------------------------------------------------------------------

const known = new Map(); // id of a fragment -> its text, before it was played and counted in
let source = null;
let isAway = false; // the pages answer, but not the daemon
let heardAt = new Date(performance.timeOrigin); // the last sign of life, by the reader's clock
let lostTimer = 0;
let silentTimer = 0;

const isStale = () => document.body.classList.contains('stale');
const tell = (what, detail) => document.dispatchEvent(new CustomEvent(what, { detail }));
const timeOf = (at) => (at.toDateString() === new Date().toDateString()
  ? at.toTimeString().slice(0, 8) : at.toLocaleString());

function stale(text) {
  const was = isStale();
  document.body.classList.add('stale');
  if (notice && notice.textContent !== text) notice.textContent = text;
  if (notice) notice.hidden = !text;
  if (!was) tell('liveness');
}

function alive() {
  clearTimeout(lostTimer);
  lostTimer = 0;
  clearTimeout(silentTimer);
  silentTimer = setTimeout(silent, SILENT_MS);
  if (isAway) return;
  heardAt = new Date();
  if (!isStale()) return;
  document.body.classList.remove('stale');
  if (notice) notice.hidden = true;
  tell('liveness');
}

function notLive(why = 'this box does not answer') {
  stale(`Not live since ${timeOf(heardAt)}: ${why}. What is shown is from before.`);
}

function lost() {
  if (!document.hidden && !lostTimer) lostTimer = setTimeout(() => notLive(), LOST_MS);
}

function silent() { // a cable was pulled, or the box: the browser would wait for ever
  notLive();
  source.close();
  look();
  silentTimer = setTimeout(silent, SILENT_MS);
}

function take(event) {
  const news = JSON.parse(event.data);
  const shown = [...document.querySelectorAll('[data-fragment]')].map((item) => item.id);
  if (shown.some((id) => !(id in news)) || Object.keys(news).some((id) => !shown.includes(id))) {
    // Such as a lamp more; or ivsd is back, but may go on to refuse what this page asks it.
    const wait = 'away' in main.dataset ? Math.max(0, AGAIN_MS - performance.now()) : 0;
    setTimeout(() => location.reload(), wait);
    return;
  }
  for (const [id, html] of Object.entries(news)) {
    const parsed = document.createElement('template');
    parsed.innerHTML = html;
    const here = document.getElementById(id);
    for (const item of here.querySelectorAll('[data-age]')) since.delete(item); // it is right now
    if (known.get(id) === parsed.innerHTML) continue;
    known.set(id, parsed.innerHTML);
    here.replaceChildren(parsed.content);
    tell('news', id);
  }
  isAway = false;
  alive();
}

function away(event) {
  isAway = true;
  alive();
  const { problem } = JSON.parse(event.data);
  if ('away' in main.dataset) document.getElementById('problem').textContent = problem;
  else notLive(problem);
}

function look() {
  source = new EventSource(main.dataset.events);
  source.addEventListener('panel', take);
  source.addEventListener('away', away);
  source.addEventListener('alive', alive);
  source.addEventListener('error', () => {
    lost();
    // The browser tries again by itself, but not after a no: log-in is over, or no place is left.
    if (source.readyState === EventSource.CLOSED) setTimeout(readAgain, AGAIN_MS);
  });
}

function readAgain() {
  if (document.hidden || source.readyState !== EventSource.CLOSED) return;
  const again = () => setTimeout(readAgain, AGAIN_MS);
  fetch(location.href, { method: 'HEAD' }).then(() => location.reload(), again);
}

function watch() {
  if (document.hidden) {
    if (source) source.close(); // its place is for those who look
    clearTimeout(lostTimer);
    clearTimeout(silentTimer);
    lostTimer = 0;
    stale('');
  } else if (!source || source.readyState === EventSource.CLOSED) {
    lost();
    look();
  }
}

if (main) {
  for (const item of document.querySelectorAll('[data-fragment]')) {
    known.set(item.id, item.innerHTML);
  }
  setInterval(count, 250);
  document.addEventListener('visibilitychange', watch);
  addEventListener('offline', lost);
  watch();
}
