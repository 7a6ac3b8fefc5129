/** Runs in the browser. Text is only inserted as text nodes, so that evidence cannot become markup. */
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
const say = (text, isProblem = false) => {
  $('status').textContent = text;
  $('status').className = isProblem ? 'problem' : '';
};
const base = location.pathname.replace(/\\/report\\/?$/, '');

async function ask(path) {
  const response = await fetch(base + path, { headers: headers(), cache: 'no-store' });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail || 'The application returned the status ' + response.status + '.');
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
    section = make('section', '', make('h2', '', group, make('span', 'of', '')));
    section.dataset.group = group;
    const after = [...$('results').children].find((other) => other.dataset.group > group);
    $('results').insertBefore(section, after || null);
  }
  const rank = ORDER.indexOf(result.status);
  const after = [...section.querySelectorAll('details')].find((other) => ORDER.indexOf(other.dataset.status) > rank);
  section.insertBefore(card(result), after || null);
  const all = [...section.querySelectorAll('details')];
  const passed = all.filter((one) => one.dataset.status === 'pass').length;
  const tried = all.filter((one) => one.dataset.status !== 'skip').length;
  section.querySelector('h2 .of').textContent = tried === 0 ? ' skipped' : ' ' + passed + ' of ' + tried + ' passed';
}

/** Sorts groups with failures first, then groups with warnings. The cards of a group are already sorted. */
function sortGroups() {
  const worst = (section) => ORDER.indexOf(section.querySelector('details').dataset.status);
  const sections = [...$('results').children].sort((a, b) =>
    worst(a) - worst(b) || a.dataset.group.localeCompare(b.dataset.group));
  $('results').append(...sections);
}

function summarize({ id, score, summary }) {
  $('results').dataset.run = id;
  $('score').textContent = score;
  $('counts').replaceChildren(...ORDER.map((status) =>
    make('li', status, make('span', 'status', WORDS[status]), String(summary[status]))));
  $('summary').hidden = false;
  sortGroups();
  filter();
}

async function showRun(id) {
  const run = await (await ask('/history/' + id)).json();
  $('results').replaceChildren();
  run.checks.forEach(place);
  summarize(run);
  say('The run of ' + new Date(run.startedAt).toLocaleString() + ': ' + tally(run.summary));
}

const tally = ({ fail, warn, pass }) => fail + ' failed, ' + warn + ' warned, ' + pass + ' passed.';
const opener = ({ id, startedAt }) => {
  const button = make('button', '', new Date(startedAt).toLocaleString());
  button.type = 'button';
  button.addEventListener('click', () => showRun(id).then(() => $('results').focus(), (error) => say(error.message, true)));
  return button;
};

async function showHistory() {
  const { runs, shared } = await (await ask('/history')).json();
  $('whose').textContent = shared ? ' of all replicas' : ' of this process';
  $('history').hidden = runs.length === 0;
  $('history').querySelector('tbody').replaceChildren(...runs.map((run) => {
    const { score, summary, durationMs } = run;
    const cells = [opener(run), score, summary.fail, summary.warn, summary.pass, (durationMs / 1000).toFixed(1) + ' s'];
    return make('tr', '', ...cells.map((cell) => make('td', '', cell)));
  }));
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
        summarize(data);
        say('Done in ' + (data.durationMs / 1000).toFixed(1) + ' s: ' + tally(data.summary));
        await showHistory();
      }
    }
  } catch (error) {
    say(error.message, true);
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
      const text = await (await ask('/history/' + $('results').dataset.run + '?format=' + format)).text();
      const link = make('a');
      link.href = URL.createObjectURL(new Blob([text]));
      link.download = 'self-test.' + { json: 'json', junit: 'xml', sarif: 'sarif' }[format];
      link.click();
      URL.revokeObjectURL(link.href);
    } catch (error) {
      say(error.message, true);
    }
  });
}
`;
