'use strict';
// Plays the lamps in the rhythm of the real ones, but not on a page that is not live, and not for
// who wants no motion: what they show stands beside them in words.

const still = matchMedia('(prefers-reduced-motion: reduce)');
const isNotLive = () => document.body.classList.contains('stale');
const playing = new Map(); // id of the fragment -> what its lamp plays

const coloursOf = (bulbs) => bulbs.map((bulb) => bulb.dataset.colour);

function light(bulbs, colours) { // a lamp of single LEDs has a bulb for each
  bulbs.forEach((bulb, number) => { bulb.dataset.colour = colours[number]; });
}

function play(id) {
  const lamp = document.getElementById(id).querySelector('[data-frames]');
  const bulbs = [...lamp.querySelectorAll('.bulb')];
  const old = playing.get(id) || { number: Infinity };
  const number = Number(lamp.dataset.receiptNo);
  const now = { bulbs, colours: coloursOf(bulbs), number, receipt: [], index: 0 };
  now.frames = JSON.parse(lamp.dataset.frames);
  playing.set(id, now);
  if (number > old.number) {
    now.receipt = JSON.parse(lamp.dataset.receipt);
  } else if (old.answers) { // a receipt is played to its end, whatever has changed under it
    Object.assign(now, { receipt: old.receipt, timer: old.timer, answers: true });
    light(bulbs, coloursOf(old.bulbs));
    return;
  }
  clearTimeout(old.timer);
  step(id);
}

function step(id) {
  const lamp = playing.get(id);
  if (document.hidden || still.matches || isNotLive()) {
    Object.assign(lamp, { receipt: [], answers: false });
    light(lamp.bulbs, lamp.colours);
    return;
  }
  lamp.answers = lamp.receipt.length > 0;
  const frame = lamp.answers ? lamp.receipt.shift() : lamp.frames[lamp.index++ % lamp.frames.length];
  light(lamp.bulbs, frame[0]);
  if (lamp.answers || lamp.frames.length > 1) lamp.timer = setTimeout(step, frame[1], id);
}

function playAll() {
  for (const [id, lamp] of playing) {
    clearTimeout(lamp.timer);
    lamp.index = 0;
    step(id);
  }
}

for (const item of document.querySelectorAll('[data-fragment][id^="lamp-"]')) play(item.id);
document.addEventListener('news', ({ detail }) => { if (detail.startsWith('lamp-')) play(detail); });
document.addEventListener('liveness', playAll);
still.addEventListener('change', playAll);
