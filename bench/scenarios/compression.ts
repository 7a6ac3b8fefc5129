import { constants, brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { MicroScenario, Row, RunOptions } from '../harness/scenario.js';

/** Lists as APIs answer them, by the number of their items. */
const LENGTHS = [20, 100, 1_000];

type Coder = 'gzip' | 'br' | 'zstd';

interface Library {
  Compressor: new (options: object) => { compress(coding: Coder, body: Buffer): Buffer | Promise<Buffer> };
  HAS_ZSTD: boolean;
}

function list(length: number): Buffer {
  const items = Array.from({ length }, (_, i) => ({
    id: `00000000-0000-4000-8000-${String(i * 7919).padStart(12, '0')}`,
    name: `Item number ${i}`,
    price: (i * 7919) % 10_000,
    createdAt: new Date(1.7e12 + i * 86_413_000).toISOString(),
    tags: ['first', 'second'],
  }));
  return Buffer.from(JSON.stringify({ items }));
}

async function library(): Promise<Library> {
  const load = (file: string) => import(new URL(`../../../dist/security/${file}.js`, import.meta.url).href);
  return Object.assign({}, ...(await Promise.all(['compressor', 'content-coding'].map(load)))) as Library;
}

async function run({ seconds }: RunOptions): Promise<Row[]> {
  const { Compressor, HAS_ZSTD } = await library();
  const compressor = new Compressor({ thresholdBytes: 1024, brotliQuality: 4, gzipLevel: 6, zstdLevel: 3 });
  const coders: [name: string, compress: (body: Buffer) => Buffer | Promise<Buffer>][] = [
    ['gzip, level 6 (ours)', (body) => compressor.compress('gzip', body)],
    ['Brotli, quality 4 (ours)', (body) => compressor.compress('br', body)],
    ['Zstandard, level 3 (ours)', (body) => compressor.compress('zstd', body)],
    ['deflate, level 6', (body) => deflateSync(body)],
    ['gzip, level 9', (body) => gzipSync(body, { level: 9 })],
    ['Brotli, quality 11: the default of Node', (body) => brotliCompressSync(body, { params: quality(11) })],
  ];
  const rows: Row[] = [];
  for (const length of LENGTHS) {
    const body = list(length);
    for (const [coding, compress] of coders) {
      if (coding.startsWith('Zstandard') && !HAS_ZSTD) continue;
      const { length: bytes } = await compress(body);
      const micros = await timed(() => compress(body), seconds);
      rows.push({
        body: `${(body.length / 1_000).toFixed(1)} kB`,
        coding,
        'bytes sent': bytes,
        'of the body': `${((100 * bytes) / body.length).toFixed(0)} %`,
        'CPU µs': micros.toFixed(0),
        'bytes saved per CPU µs': ((body.length - bytes) / micros).toFixed(0),
      });
    }
  }
  return rows;
}

function quality(level: number): Record<number, number> {
  return { [constants.BROTLI_PARAM_QUALITY]: level };
}

/** CPU time of one body, all threads, in microseconds. */
async function timed(work: () => Buffer | Promise<Buffer>, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1_000;
  const before = process.cpuUsage();
  let count = 0;
  for (; performance.now() < end; count++) await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

export const compression: MicroScenario = {
  kind: 'micro',
  name: 'compression',
  description: 'Bandwidth and CPU time of one JSON body, by encoding.',
  notes: [
    'CPU time of the process, including its thread pool. The scenario `security` shows the cost of a compressed response in a server.',
    'Zstandard is measured if Node supports it (22.15 and later).',
  ],
  run,
};
