import { Logger } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { RequestContext, runWithContext } from '../context/index.js';
import { PinoLogger } from './pino.logger.js';

function recorder(level = 'trace') {
  const lines: Record<string, unknown>[] = [];
  const texts: string[] = [];
  const destination = {
    write: (text: string) => {
      texts.push(text);
      lines.push(JSON.parse(text) as Record<string, unknown>);
    },
  };
  return { lines, texts, logger: new PinoLogger({ level, destination }) };
}

describe('the logger', () => {
  it('writes one line of JSON for each call, for any content of the message', () => {
    const { logger, texts, lines } = recorder();
    logger.log('first\n{"level":"error","msg":"forged"}\u001b[31m', 'Context');
    expect(texts).toHaveLength(1);
    expect(texts[0]?.trimEnd()).not.toContain('\n');
    expect(lines[0]).toMatchObject({ level: 'info', context: 'Context', msg: expect.stringContaining('forged') });
  });

  it.each([
    ['verbose', 'trace'],
    ['debug', 'debug'],
    ['log', 'info'],
    ['warn', 'warn'],
    ['error', 'error'],
    ['fatal', 'fatal'],
  ] as const)('writes %s() as %s', (method, level) => {
    const { logger, lines } = recorder();
    logger[method]('hello', 'Context');
    expect(lines).toMatchObject([{ level, context: 'Context', msg: 'hello' }]);
  });

  it('writes nothing below its level', () => {
    const { logger, lines } = recorder('warn');
    logger.log('hello');
    logger.warn('hello');
    expect(lines).toMatchObject([{ level: 'warn' }]);
  });

  it('changes its level at run time by the levels of Nest', () => {
    const { logger } = recorder();
    const levels = (['verbose', 'debug', 'log', 'warn', 'error', 'fatal'] as const).map((level) => {
      logger.setLogLevels([level, 'fatal']);
      return logger.pino.level;
    });
    expect(levels).toEqual(['trace', 'debug', 'info', 'warn', 'error', 'fatal']);
    logger.setLogLevels([]);
    expect(logger.pino.level).toBe('silent');
  });

  it('writes the startup lines of Nest at level debug', () => {
    const { logger, lines } = recorder();
    logger.log('AppModule dependencies initialized', 'InstanceLoader');
    expect(lines).toMatchObject([{ level: 'debug' }]);
  });

  it('adds the id of the current request', () => {
    const { logger, lines } = recorder();
    runWithContext(new RequestContext('request-1'), () => logger.log('inside'));
    logger.log('outside');
    expect(lines[0]).toMatchObject({ requestId: 'request-1' });
    expect(lines[1]).not.toHaveProperty('requestId');
  });
});

describe('errors in the log', () => {
  const cause = new Error('the cause');
  const error = new TypeError('it broke', { cause });

  it.each<[string, (logger: PinoLogger) => void, string]>([
    ['alone', (logger) => logger.error(error), 'it broke'],
    ['with a context', (logger) => logger.error(error, 'Context'), 'it broke'],
    ['after a message', (logger) => logger.error('while printing', error), 'while printing'],
    ['after a message, with a context', (logger) => logger.error('while printing', error, 'Context'), 'while printing'],
    ['as a field', (logger) => logger.error({ err: error, msg: 'while printing' }), 'while printing'],
    ['in a warning', (logger) => logger.warn('while printing', error), 'while printing'],
  ])('are written as err with their stack and their cause: %s', (_how, write, msg) => {
    const { logger, lines } = recorder();
    write(logger);
    expect(lines).toMatchObject([
      { msg, err: { type: 'TypeError', message: expect.stringContaining('it broke'), stack: expect.any(String) } },
    ]);
    expect(JSON.stringify(lines[0]?.['err'])).toContain('the cause');
  });

  it('are written as err when Nest passes only the stack', () => {
    const { logger, lines } = recorder();
    logger.error('it broke', 'Error: it broke\n    at somewhere', 'Context');
    expect(lines).toMatchObject([
      { context: 'Context', err: { message: 'it broke', stack: expect.stringContaining('at somewhere') } },
    ]);
  });

  it('are written as err by static loggers of Nest', () => {
    const { logger, lines } = recorder();
    Logger.overrideLogger(logger);
    new Logger('Printer').error('while printing', error);
    Logger.overrideLogger(false);
    expect(lines).toMatchObject([{ context: 'Printer', msg: 'while printing', err: { type: 'TypeError' } }]);
  });

  it('are written without their other properties, such as requests with credentials and statement parameters', () => {
    const { logger, texts, lines } = recorder();
    const failed = Object.assign(new Error('duplicate key'), {
      code: '23505',
      parameters: ['person@example.com', 'hunter2'],
      config: { headers: { authorization: 'Bearer hunter2' } },
    });
    logger.error({ err: failed, msg: 'query failed' });
    expect(lines).toMatchObject([{ err: { message: 'duplicate key', code: '23505' } }]);
    expect(texts[0]).not.toContain('hunter2');
  });

  it('keep the parts of an AggregateError', () => {
    const { logger, lines } = recorder();
    logger.error(new AggregateError([new Error('first'), new Error('second')], 'both'));
    expect(JSON.stringify(lines[0])).toMatch(/first.*second/s);
  });
});

describe('secrets in the log', () => {
  it.each(['password', 'secret', 'token', 'accessToken', 'refreshToken', 'authorization', 'cookie'])(
    'are redacted by key: %s',
    (key) => {
      const { logger, texts } = recorder();
      logger.log({ [key]: 'hunter2', msg: 'top' });
      logger.log({ user: { [key]: 'hunter2' }, msg: 'one down' });
      logger.log({ req: { headers: { [key]: 'hunter2' } }, msg: 'two down' });
      logger.log('message', { [key]: 'hunter2' }, 'Context');
      expect(texts).toHaveLength(4);
      for (const text of texts) {
        expect(text).not.toContain('hunter2');
        expect(text).toContain('[redacted]');
      }
    },
  );
});

it('writes the fields of objects that are passed with the message', () => {
  const { logger, lines } = recorder();
  logger.log('printed', { pages: 3 }, 'Printer');
  expect(lines).toMatchObject([{ msg: 'printed', pages: 3, context: 'Printer' }]);
});
