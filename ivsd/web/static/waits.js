'use strict';
// Says on a button that what it has sent takes its time, and takes no second tap: a press at the box
// would count for the first request, and nobody would read its answer.

const LOOK_MS = 250;

function whenItCame(name, then) { // a download leaves the page as it is: the box sets a cookie with it
  document.cookie = `${name}=; Max-Age=0; Path=${location.pathname}; SameSite=Strict`;
  const timer = setInterval(() => {
    if (!document.cookie.split('; ').includes(`${name}=yes`)) return;
    clearInterval(timer);
    then();
  }, LOOK_MS);
}

addEventListener('submit', (event) => {
  const button = event.submitter;
  if (!button || !('waits' in button.dataset)) return;
  const label = button.textContent;
  const buttons = event.target.querySelectorAll('button');
  const giveBack = () => {
    for (const other of buttons) other.disabled = false;
    button.textContent = label;
  };
  setTimeout(() => { // after the form was sent, or the button would not be part of it
    for (const other of buttons) other.disabled = true;
    button.textContent = button.dataset.waits;
    button.setAttribute('aria-live', 'polite');
  });
  addEventListener('pageshow', (shown) => { // who goes back finds it as it was
    if (shown.persisted) giveBack();
  });
  if ('came' in button.dataset) whenItCame(button.dataset.came, giveBack);
});
