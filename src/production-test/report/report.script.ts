/** Runs in the browser. Text only ever becomes a text node, so that evidence cannot become markup. */
export const PAGE_SCRIPT = `
'use strict';
const $ = (id) => document.getElementById(id);
const WORDS = { pass: 'Passed', warn: 'Warning', fail: 'Failed', skip: 'Skipped' };
const ORDER = ['fail', 'warn', 'pass', 'skip'];
const make = (tag, className, ...children) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
};
const headers = () => ($('token').value ? { Authorization: 'Bearer ' + $('token').value.trim() } : {});
const say = (text) => { $('status').textContent = text; };
const base = location.pathname.replace(/\\/report\\/?$/, '');

async function ask(path) {
  const response = await fetch(base + path, { headers: headers(), cache: 'no-store' });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail || 'The application answered ' + response.status + '.');
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end; (end = text.indexOf('\\n\\n')) >= 0; text = text.slice(end + 2)) {
      const [, name, data] = /^event: (.*)\\ndata: (.*)$/s.exec(text.slice(0, end)) || [];
      if (name) yield { name, data: JSON.parse(data) };
    }
  }
}

const shown = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

function evidenceOf({ evidence }) {
  const { expectations = [], ...rest } = evidence;
  return [
    ...expectations.map(({ what, met, seen }) =>
      (met ? 'met: ' : 'NOT met: ') + what + (seen === undefined ? '' : ' (' + shown(seen) + ')')),
    ...Object.entries(rest).map(([name, value]) => name + ': ' + shown(value)),
  ];
}

function card(result) {
  const { check, title, status, remedy, reference, durationMs } = result;
  const details = make('details', status,
    make('summary', '', make('span', 'status', WORDS[status]), title + ' ', make('span', 'name', check)),
    make('div', 'body',
      ...(remedy ? [make('p', '', make('strong', '', 'Remedy: '), remedy)] : []),
      make('ul', '', ...evidenceOf(result).map((line) => make('li', '', line))),
      make('p', 'reference', reference + ' · ' + durationMs + ' ms')));
  details.open = status === 'fail' || status === 'warn';
  details.dataset.status = status;
  return details;
}

function place(result) {
  const group = result.check.split('.', 1)[0];
  let section = document.querySelector('[data-group="' + CSS.escape(group) + '"]');
  if (!section) {
    section = make('section', '', make('h2', '', group));
    section.dataset.group = group;
    const after = [...$('results').children].find((other) => other.dataset.group > group);
    $('results').insertBefore(section, after || null);
  }
  const rank = ORDER.indexOf(result.status);
  const after = [...section.querySelectorAll('details')].find((other) => ORDER.indexOf(other.dataset.status) > rank);
  section.insertBefore(card(result), after || null);
}

function summarize({ score, summary }) {
  $('score').textContent = score;
  $('counts').replaceChildren(...ORDER.map((status) =>
    make('li', status, make('span', 'status', WORDS[status]), String(summary[status]))));
  $('summary').hidden = false;
}

async function showHistory() {
  const { runs, shared } = await (await ask('/history')).json();
  $('whose').textContent = shared ? ' of all replicas' : ' of this process';
  $('history').hidden = runs.length === 0;
  $('history').querySelector('tbody').replaceChildren(...runs.map(({ startedAt, score, summary, durationMs }) =>
    make('tr', '', ...[new Date(startedAt).toLocaleString(), score, summary.fail, summary.warn, summary.pass,
      (durationMs / 1000).toFixed(1) + ' s'].map((text) => make('td', '', String(text))))));
}

function filter() {
  const wanted = new Set([...document.querySelectorAll('#filter input:checked')].map(({ value }) => value));
  for (const details of document.querySelectorAll('#results details')) details.hidden = !wanted.has(details.dataset.status);
  for (const section of document.querySelectorAll('#results section'))
    section.hidden = ![...section.querySelectorAll('details')].some((details) => !details.hidden);
}

$('start').addEventListener('submit', async (event) => {
  event.preventDefault();
  $('run').disabled = true;
  $('results').replaceChildren();
  $('summary').hidden = true;
  $('progress').hidden = false;
  say('Running…');
  try {
    for await (const { name, data } of events(await ask('/all-features/stream'))) {
      if (name === 'result') {
        $('progress').max = data.of;
        $('progress').value = data.done;
        say(data.done + ' of ' + data.of + ' checks done');
        place(data.result);
      } else {
        $('results').dataset.run = data.id;
        summarize(data);
        say('Done in ' + (data.durationMs / 1000).toFixed(1) + ' s: ' + data.summary.fail + ' failed, ' +
          data.summary.warn + ' warned, ' + data.summary.pass + ' passed.');
        filter();
        await showHistory();
      }
    }
  } catch (error) {
    say(error.message);
  } finally {
    $('run').disabled = false;
    $('progress').hidden = true;
  }
});

$('filter').addEventListener('change', filter);

for (const button of document.querySelectorAll('[data-format]')) {
  button.addEventListener('click', async () => {
    try {
      const { format } = button.dataset;
      const text = await (await ask('/history/' + ($('results').dataset.run || 'latest') + '?format=' + format)).text();
      const link = make('a');
      link.href = URL.createObjectURL(new Blob([text]));
      link.download = 'self-test.' + { json: 'json', junit: 'xml', sarif: 'sarif' }[format];
      link.click();
      URL.revokeObjectURL(link.href);
    } catch (error) {
      say(error.message);
    }
  });
}
`;
