'use strict';
// Says on a button that what it has sent waits for a hand at the box, and takes no second tap: the
// press would count for the first request, and nobody would read its answer.

addEventListener('submit', (event) => {
  const button = event.submitter;
  if (!button || !('waits' in button.dataset)) return;
  const label = button.textContent;
  setTimeout(() => { // after the form was sent, or the button would not be part of it
    for (const other of event.target.querySelectorAll('button')) other.disabled = true;
    button.textContent = button.dataset.waits;
    button.setAttribute('aria-live', 'polite');
  });
  addEventListener('pageshow', (shown) => { // who goes back finds it as it was
    if (!shown.persisted) return;
    for (const other of event.target.querySelectorAll('button')) other.disabled = false;
    button.textContent = label;
  });
});
