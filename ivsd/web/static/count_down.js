'use strict';
// Counts the seconds of a wait down, and says when it is over. Without this script the page says
// until when it is.

for (const item of document.querySelectorAll('[data-wait]')) {
  const said = item.textContent;
  const alert = item.closest('[role=alert]');
  const end = Date.now() + 1000 * Number(item.dataset.wait);
  const timer = setInterval(() => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left > 0) {
      if (alert) alert.removeAttribute('role'); // or every second would be read aloud
      item.textContent = said.replace(/\d+ s\b/, `${left} s`);
      return;
    }
    clearInterval(timer);
    if (alert) alert.setAttribute('role', 'alert');
    item.textContent = 'You can try again now.';
  }, 250);
}
