'use strict';
// The demo's hands: a button is down as long as a finger or a key holds it. On a real box this
// script is not loaded.

let held = null; // the button that is down
let pressed = null; // the one whose click has had its effect already
const csrf = document.querySelector('input[name=csrf]').value;
let sending = Promise.resolve(); // a release must not overtake its press

function post(address, name, value) {
  const body = new URLSearchParams({ csrf, [name]: value, script: 'yes' });
  const said = document.getElementById('said');
  sending = sending
    .then(() => fetch(address, { method: 'POST', body }))
    .then((reply) => (reply.ok ? '' : reply.text()))
    .catch(() => 'This box does not answer.')
    .then((text) => { said.textContent = text; });
}

function down(button) {
  if (!button || held) return;
  held = pressed = button;
  button.classList.add('down');
  post('/demo/press', button.name, button.value);
}

function up() {
  if (!held) return;
  held.classList.remove('down');
  post('/demo/release', held.name, held.value);
  held = null;
}

const key = (event) => event.target.closest && event.target.closest('[data-press]');
const isPress = (event) => event.key === 'Enter' || event.key === ' ';

if (document.getElementById('hands')) {
  document.addEventListener('pointerdown', (event) => {
    if (event.button === 0) down(key(event));
  });
  for (const end of ['pointerup', 'pointercancel']) document.addEventListener(end, up);
  document.addEventListener('keydown', (event) => {
    if (isPress(event) && !event.repeat) down(key(event));
  });
  document.addEventListener('keyup', (event) => { if (isPress(event)) up(); });
  addEventListener('blur', up);
  document.addEventListener('contextmenu', (event) => { if (key(event)) event.preventDefault(); });
  document.addEventListener('click', (event) => {
    const button = event.target.closest('main form[method=post] button[name]');
    if (!button) return;
    event.preventDefault();
    if (!('press' in button.dataset)) {
      const address = button.getAttribute('formaction') || button.form.getAttribute('action');
      post(address, button.name, button.value);
    } else if (pressed !== button && !held) { // by something that has neither pointer nor keys
      down(button);
      up();
    }
    pressed = null;
  });
  document.getElementById('pin').addEventListener('submit', (event) => {
    event.preventDefault();
    const digits = event.target.elements.digits;
    post('/demo/pin', 'digits', digits.value);
    digits.value = '';
  });
}
