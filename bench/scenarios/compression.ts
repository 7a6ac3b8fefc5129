import * as zlib from 'node:zlib';
import type { MicroScenario, Row, RunOptions } from '../harness/scenario.js';

/** Typical lists in responses of APIs, by their number of items. */
const LENGTHS = [20, 100, 1_000];

/** The types of Node 20 do not contain Zstandard. */
interface Zstd {
  zstdCompressSync?: (body: Buffer, options: object) => Buffer;
  constants: { ZSTD_c_compressionLevel?: number };
}

const { zstdCompressSync, constants: zstd } = zlib as unknown as Zstd;

/** The default levels of SecurityModule come first. */
const CODERS: readonly (readonly [name: string, compress: (body: Buffer) => Buffer])[] = [
  ['gzip, level 6 (default)', (body) => zlib.gzipSync(body, { level: 6 })],
  ['Brotli, quality 4 (default)', (body) => zlib.brotliCompressSync(body, { params: quality(4) })],
  ...(zstdCompressSync
    ? [
        [
          'Zstandard, level 3 (default)',
          (body: Buffer) => zstdCompressSync(body, { params: { [Number(zstd.ZSTD_c_compressionLevel)]: 3 } }),
        ] as const,
      ]
    : []),
  ['deflate, level 6', (body) => zlib.deflateSync(body)],
  ['gzip, level 9', (body) => zlib.gzipSync(body, { level: 9 })],
  ['Brotli, quality 11: the default of Node', (body) => zlib.brotliCompressSync(body, { params: quality(11) })],
];

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

function run({ seconds }: RunOptions): Promise<Row[]> {
  const rows: Row[] = [];
  for (const length of LENGTHS) {
    const body = list(length);
    for (const [coding, compress] of CODERS) {
      const { length: bytes } = compress(body);
      const micros = timed(() => compress(body), seconds);
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
  return Promise.resolve(rows);
}

function quality(level: number): Record<number, number> {
  return { [zlib.constants.BROTLI_PARAM_QUALITY]: level };
}

/** CPU time of one body, in microseconds. */
function timed(work: () => Buffer, seconds: number): number {
  const end = performance.now() + seconds * 1_000;
  const before = process.cpuUsage();
  let count = 0;
  for (; performance.now() < end; count++) work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

export const compression: MicroScenario = {
  kind: 'micro',
  name: 'compression',
  description: 'Bandwidth and CPU time of one JSON body, by encoding.',
  notes: [
    'CPU time of the process. The scenario `security` shows the cost of a compressed response in a server.',
    'Zstandard is measured if Node supports it (22.15 and later).',
  ],
  run,
};
