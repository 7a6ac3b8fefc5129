import { describe, expect, it } from 'vitest';
import { PrometheusMetrics } from './prometheus.metrics.js';

/** The lines of one metric in the scraped text. */
async function page(metrics: PrometheusMetrics, name: string): Promise<string[]> {
  const text = await metrics.registry.metrics();
  return text.split('\n').filter((line) => line.includes(name));
}

describe('a counter', () => {
  it('has one sum for each set of labels', async () => {
    const metrics = new PrometheusMetrics();
    const prints = metrics.counter({ name: 'prints_total', help: 'Printed pages.', labelNames: ['size'] });
    prints.labels({ size: 'a4' }).add();
    prints.labels({ size: 'a4' }).add(2);
    prints.labels({ size: 'a3' }).add();
    expect(await page(metrics, 'prints_total')).toEqual([
      '# HELP prints_total Printed pages.',
      '# TYPE prints_total counter',
      'prints_total{size="a4"} 3',
      'prints_total{size="a3"} 1',
    ]);
  });

  it('returns the same series for the same labels in any order, and for no labels', () => {
    const family = new PrometheusMetrics().counter({ name: 'x_total', help: 'x', labelNames: ['a', 'b'] });
    expect(family.labels({ a: '1', b: '2' })).toBe(family.labels({ b: '2', a: '1' }));
    expect(family.labels({ a: '1', b: '' })).not.toBe(family.labels({ a: '', b: '1' }));
    expect(family.labels({})).toBe(family.labels({}));
  });

  it('shows no series before one is requested, and zero for a series without events', async () => {
    const metrics = new PrometheusMetrics();
    const family = metrics.counter({ name: 'y_total', help: 'y' });
    expect(await page(metrics, 'y_total')).toHaveLength(2);
    family.labels({});
    expect(await page(metrics, 'y_total')).toContain('y_total 0');
  });

  it('escapes label values', async () => {
    const metrics = new PrometheusMetrics();
    metrics
      .counter({ name: 'z_total', help: 'z', labelNames: ['l'] })
      .labels({ l: 'a"b\\c\nd' })
      .add();
    expect(await page(metrics, 'z_total{')).toEqual(['z_total{l="a\\"b\\\\c\\nd"} 1']);
  });
});

describe('a histogram', () => {
  it('counts a value in its bucket and in all higher buckets, with inclusive upper bounds', async () => {
    const metrics = new PrometheusMetrics();
    const durations = metrics
      .histogram({ name: 'd_seconds', help: 'd', labelNames: ['r'], buckets: [0.1, 1, 5] })
      .labels({ r: 'x' });
    for (const value of [0, 0.1, 0.5, 1, 7, 7]) durations.observe(value);
    expect(await page(metrics, 'd_seconds')).toEqual([
      '# HELP d_seconds d',
      '# TYPE d_seconds histogram',
      'd_seconds_bucket{r="x",le="0.1"} 2',
      'd_seconds_bucket{r="x",le="1"} 4',
      'd_seconds_bucket{r="x",le="5"} 4',
      'd_seconds_bucket{r="x",le="+Inf"} 6',
      'd_seconds_sum{r="x"} 15.6',
      'd_seconds_count{r="x"} 6',
    ]);
  });
});

it('reads a gauge at each scrape', async () => {
  const metrics = new PrometheusMetrics();
  let queue = 1;
  metrics.gauge({ name: 'queue_length', help: 'q' }, () => Promise.resolve(queue));
  expect(await page(metrics, 'queue_length')).toContain('queue_length 1');
  queue = 5;
  expect(await page(metrics, 'queue_length')).toContain('queue_length 5');
});

it('rejects a second metric with the same name', () => {
  const metrics = new PrometheusMetrics();
  metrics.counter({ name: 'twice_total', help: 'once' });
  expect(() => metrics.counter({ name: 'twice_total', help: 'again' })).toThrow(/already been registered/);
});

it('separates the metrics of two applications in one process', async () => {
  const [one, other] = [new PrometheusMetrics(), new PrometheusMetrics()];
  one.counter({ name: 'mine_total', help: 'm' }).labels({}).add();
  expect(await page(other, 'mine_total')).toEqual([]);
  expect(await page(other, 'process_cpu_seconds_total')).not.toEqual([]);
});
