import 'reflect-metadata';
import { ValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import { IsEmail, IsInt, IsOptional, IsString, Length, Matches } from 'class-validator';
import { z } from 'zod';
import type { MicroScenario, Row, RunOptions } from '../harness/scenario.js';

class AccountDto {
  @IsEmail()
  email!: string;

  @IsString()
  @Length(8, 100)
  password!: string;

  @IsString()
  @Length(1, 100)
  @Matches(/^\P{Cc}*$/u)
  name!: string;

  @IsOptional()
  @IsInt()
  age?: number;
}

const schema = z.strictObject({
  email: z.email(),
  password: z.string().min(8).max(100),
  name: z
    .string()
    .min(1)
    .max(100)
    .regex(/^\P{Cc}*$/u),
  age: z.number().int().optional(),
});

const VALID = { email: 'ada@example.com', password: 'correct horse', name: 'Ada Lovelace', age: 36 };
const INVALID = { email: 'ada', password: 'short', name: '', age: 1.5 };
const BATCH = 200;

interface Pipe {
  transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown>;
}

async function run({ rounds, seconds }: RunOptions): Promise<Row[]> {
  const { createValidationPipe } = (await import(new URL('../../../dist/security/index.js', import.meta.url).href)) as {
    createValidationPipe: () => Pipe;
  };
  const options = { transform: true, whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true };
  const byClass: ArgumentMetadata = { type: 'body', metatype: AccountDto };
  const [stock, ours] = [new ValidationPipe(options) as Pipe, createValidationPipe()];
  const subjects = [
    { name: 'stock ValidationPipe, class', pipe: stock, metadata: byClass },
    { name: 'nest-bulwark, class', pipe: ours, metadata: byClass },
    { name: 'nest-bulwark, zod schema', pipe: ours, metadata: { type: 'body', schema } as ArgumentMetadata },
  ];
  const times = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      for (const [kind, value] of [['valid', VALID] as const, ['invalid', INVALID] as const]) {
        const microseconds = await timed(subject.pipe, subject.metadata, value, seconds);
        const key = `${subject.name} ${kind}`;
        times.set(key, [...(times.get(key) ?? []), microseconds]);
        console.log(`  round ${round + 1}  ${key}: ${microseconds.toFixed(2)} µs`);
      }
    }
  }
  const of = (name: string, kind: string) => median(times.get(`${name} ${kind}`) ?? []);
  return subjects.map(({ name }) => ({
    pipe: name,
    'valid µs': of(name, 'valid').toFixed(2),
    'valid ratio': (of(name, 'valid') / of(subjects[0].name, 'valid')).toFixed(2),
    'invalid µs': of(name, 'invalid').toFixed(2),
    'invalid ratio': (of(name, 'invalid') / of(subjects[0].name, 'invalid')).toFixed(2),
  }));
}

/** CPU time of one validation, in microseconds. */
async function timed(pipe: Pipe, metadata: ArgumentMetadata, value: object, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1_000;
  const before = process.cpuUsage();
  let count = 0;
  for (; performance.now() < end; count += BATCH) {
    for (let i = 0; i < BATCH; i++) await pipe.transform({ ...value }, metadata).catch(() => undefined);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

export const validation: MicroScenario = {
  kind: 'micro',
  name: 'validation',
  description:
    'One body of four fields: the stock `ValidationPipe`, ours with the same class, and ours with a schema of zod.',
  packages: ['@nestjs/common', 'class-validator', 'class-transformer', 'zod'],
  notes: [
    'CPU time of the process, including its garbage collector, divided by the number of validations; medians of the rounds.',
  ],
  run,
};
