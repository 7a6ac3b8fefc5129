import type { Measurement } from './measure.js';

const WIDTH = 760;
const HEIGHT = 180;
const PAD = 46;

/** A report of the runs: one file with charts, without external resources. */
export function htmlReport(url: string, runs: readonly Measurement[], at: Date): string {
  const sections = runs.map((run) => {
    const rate = chart('Requests a second', [
      { name: 'requests', colour: '#0b57d0', values: run.seconds.map((s) => s.requests) },
    ]);
    const latency = chart('Latency, ms', [
      { name: 'p50', colour: '#1a6b34', values: run.seconds.map((s) => s.p50) },
      { name: 'p99', colour: '#b3161b', values: run.seconds.map((s) => s.p99) },
    ]);
    return `<section><h2>${run.scenario}</h2>${table([run])}${rate}${latency}</section>`;
  });
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Load test</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:820px;margin:2rem auto;padding:0 1rem;color:#1a1d21;background:#fff}
table{border-collapse:collapse;width:100%}th,td{text-align:right;padding:.25rem .5rem;border-bottom:1px solid #d5dae0}
th:first-child,td:first-child{text-align:left}svg{width:100%;height:auto}text{font-size:12px;fill:#555e68}
</style></head><body><h1>Load test of ${escaped(url)}</h1><p>${at.toISOString()}</p>${table(runs)}${sections.join('')}</body></html>
`;
}

function table(runs: readonly Measurement[]): string {
  const rows = runs.map(
    (run) =>
      `<tr>${cells(run)
        .map((cell) => `<td>${escaped(cell)}</td>`)
        .join('')}</tr>`,
  );
  return `<table><thead><tr>${COLUMNS.map((name) => `<th scope="col">${name}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

export const COLUMNS = [
  'scenario',
  'connections',
  'requests',
  'req/s',
  'p50 ms',
  'p95 ms',
  'p99 ms',
  'max ms',
  'failed',
];

export function cells(run: Measurement): string[] {
  const ms = (value: number) => value.toFixed(1);
  return [
    run.scenario,
    String(run.connections),
    String(run.requests),
    run.rate.toFixed(0),
    ms(run.p50),
    ms(run.p95),
    ms(run.p99),
    ms(run.max),
    String(run.failed),
  ];
}

interface Line {
  name: string;
  colour: string;
  values: readonly number[];
}

function chart(title: string, lines: readonly Line[]): string {
  const most = Math.max(1, ...lines.flatMap(({ values }) => values));
  const points = Math.max(2, ...lines.map(({ values }) => values.length));
  const x = (i: number) => PAD + ((WIDTH - PAD - 10) * i) / (points - 1);
  const y = (value: number) => HEIGHT - 24 - ((HEIGHT - 48) * value) / most;
  const paths = lines.map(({ colour, values }) => {
    const path = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`;
  });
  const legend = lines.map(
    ({ name, colour }, i) =>
      `<text x="${WIDTH - 60 * (lines.length - i)}" y="14" style="fill:${colour}">${name}</text>`,
  );
  const axis =
    `<line x1="${PAD}" y1="${y(0)}" x2="${WIDTH - 10}" y2="${y(0)}" stroke="#d5dae0"/>` +
    `<text x="0" y="${y(0)}">0</text><text x="0" y="${y(most) + 4}">${most >= 100 ? most.toFixed(0) : most.toPrecision(3)}</text>` +
    `<text x="${PAD}" y="${HEIGHT - 6}">0 s</text><text x="${WIDTH - 50}" y="${HEIGHT - 6}">${points} s</text>`;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title} over time"><text x="${PAD}" y="14">${title}</text>${axis}${paths.join('')}${legend.join('')}</svg>`;
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
