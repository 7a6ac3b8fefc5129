import { describe, expect, it } from 'vitest';
import {
  createReport,
  runCheck,
  toGithubAnnotations,
  toJUnit,
  toPretty,
  toSarif,
  SkipCheck,
  checkExpectations,
  pass,
  warn,
} from './index.js';

const describeCheck = (name: string) => ({ name, title: `${name} holds`, reference: 'RFC 0' });

async function report() {
  const checks = [
    await runCheck(describeCheck('a.good'), () => Promise.resolve(pass({ seen: 'all' }))),
    await runCheck(describeCheck('a.bad'), () =>
      Promise.resolve(
        checkExpectations(
          [
            { what: 'x', met: true },
            { what: '<y> & "z"', met: false, seen: { n: 1 } },
          ],
          'Repair it:\n100 %, now.',
        ),
      ),
    ),
    await runCheck(describeCheck('b.odd'), () => Promise.resolve(warn({ odd: 'a\u0000b' }, 'Look at it.'))),
    await runCheck(describeCheck('b.none'), () => Promise.reject(new SkipCheck('not here'))),
    await runCheck(describeCheck('b.broken'), () => Promise.reject(new Error('it broke'))),
  ];
  return createReport(checks, new Date('2026-01-02T03:04:05Z'), 1500);
}

describe('a report', () => {
  it('counts results, and a warning is worth half a pass in the score', async () => {
    expect(await report()).toMatchObject({
      status: 'fail',
      summary: { pass: 1, warn: 1, fail: 2, skip: 1 },
      score: 37,
      startedAt: '2026-01-02T03:04:05.000Z',
      durationMs: 1500,
    });
  });

  it('reports a check that throws as failed, with the error as evidence', async () => {
    const { checks } = await report();
    expect(checks[4]).toMatchObject({ check: 'b.broken', status: 'fail', evidence: { error: 'it broke' } });
    expect(checks[3]).toMatchObject({ check: 'b.none', status: 'skip', evidence: { reason: 'not here' } });
  });

  it('has the score 0 if no check has run', () => {
    expect(createReport([], new Date(), 0)).toMatchObject({ status: 'skip', score: 0 });
  });

  it('is formatted for a terminal', async () => {
    expect(toPretty(await report())).toBe(
      [
        'a',
        '  ✔ a.good holds a.good',
        '  ✘ a.bad holds a.bad',
        '      not met: <y> & "z" ({"n":1})',
        '      → Repair it:\n100 %, now.',
        '        RFC 0',
        '',
        'b',
        '  ! b.odd holds b.odd',
        '      odd: a\u0000b',
        '      → Look at it.',
        '        RFC 0',
        '  - b.none holds b.none',
        '  ✘ b.broken holds b.broken',
        '      error: it broke',
        '      → The check could not be completed. The evidence has the reason.',
        '        RFC 0',
        '',
        '1 passed, 1 warned, 2 failed, 1 skipped; score 37 of 100',
        '',
      ].join('\n'),
    );
  });

  it('is well-formed JUnit XML for any evidence', async () => {
    const xml = toJUnit(await report(), 'http://x/?a&b');
    expect(xml).toContain('<testsuites name="http://x/?a&amp;b" tests="5" failures="2" skipped="1" time="1.500"');
    expect(xml).toContain('<testsuite name="a" tests="2" failures="1" skipped="0"');
    expect(xml).toContain('&lt;y&gt; &amp; &quot;z&quot;');
    expect(xml).toContain('warning: odd: a\ufffdb');
    expect(xml).toContain('<skipped message="reason: not here&#10;RFC 0"/>');
    expect(xml).not.toContain('\u0000');
    const opened = xml.match(/<(?!\?|\/)[^>]*[^/]>/g)?.length;
    expect(opened).toBe(xml.match(/<\//g)?.length);
  });

  it('is SARIF with a rule for each check and a result for each failure or warning', async () => {
    const sarif = toSarif(await report(), 'https://api.example.com/') as {
      runs: { tool: { driver: { rules: unknown[] } }; results: { ruleId: string; level: string }[] }[];
    };
    expect(sarif.runs[0]?.tool.driver.rules).toHaveLength(5);
    expect(sarif.runs[0]?.results.map(({ ruleId, level }) => [ruleId, level])).toEqual([
      ['a.bad', 'error'],
      ['b.odd', 'warning'],
      ['b.broken', 'error'],
    ]);
  });

  it('is formatted as GitHub annotations, one line for each failure or warning', async () => {
    const lines = toGithubAnnotations(await report())
      .trimEnd()
      .split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain('::error title=a.bad%3A not met%3A a.bad holds::not met: <y>');
    expect(lines[0]).toContain('Repair it:%0A100 %25, now.');
    expect(lines[1]).toMatch(/^::warning title=b\.odd/);
  });
});
