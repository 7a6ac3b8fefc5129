import { describe, expect, it } from 'vitest';
import {
  reportOf,
  timed,
  toGithubAnnotations,
  toJUnit,
  toPretty,
  toSarif,
  SkipCheck,
  judge,
  pass,
  warn,
} from './index.js';

const described = (name: string) => ({ name, title: `${name} holds`, reference: 'RFC 0' });

async function report() {
  const checks = [
    await timed(described('a.good'), () => Promise.resolve(pass({ seen: 'all' }))),
    await timed(described('a.bad'), () =>
      Promise.resolve(
        judge(
          [
            { what: 'x', met: true },
            { what: '<y> & "z"', met: false, seen: { n: 1 } },
          ],
          'Mend it:\n100 %, at once.',
        ),
      ),
    ),
    await timed(described('b.odd'), () => Promise.resolve(warn({ odd: 'a\u0000b' }, 'Look at it.'))),
    await timed(described('b.none'), () => Promise.reject(new SkipCheck('not here'))),
    await timed(described('b.broken'), () => Promise.reject(new Error('it broke'))),
  ];
  return reportOf(checks, new Date('2026-01-02T03:04:05Z'), 1500);
}

describe('a report', () => {
  it('counts, and scores warnings half', async () => {
    expect(await report()).toMatchObject({
      status: 'fail',
      summary: { pass: 1, warn: 1, fail: 2, skip: 1 },
      score: 37,
      startedAt: '2026-01-02T03:04:05.000Z',
      durationMs: 1500,
    });
  });

  it('takes a check that throws for failed, and keeps what it threw', async () => {
    const { checks } = await report();
    expect(checks[4]).toMatchObject({ check: 'b.broken', status: 'fail', evidence: { error: 'it broke' } });
    expect(checks[3]).toMatchObject({ check: 'b.none', status: 'skip', evidence: { reason: 'not here' } });
  });

  it('is worth nothing when nothing was tried', () => {
    expect(reportOf([], new Date(), 0)).toMatchObject({ status: 'skip', score: 0 });
  });

  it('can be read in a terminal', async () => {
    expect(toPretty(await report())).toBe(
      [
        'a',
        '  ✔ a.good holds a.good',
        '  ✘ a.bad holds a.bad',
        '      not met: <y> & "z" ({"n":1})',
        '      → Mend it:\n100 %, at once.',
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
        '      → The check could not be completed; the evidence says why.',
        '        RFC 0',
        '',
        '1 passed, 1 warned, 2 failed, 1 skipped; score 37 of 100',
        '',
      ].join('\n'),
    );
  });

  it('is well-formed JUnit XML, whatever the evidence', async () => {
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

  it('is SARIF with a rule for each check and a result for each finding', async () => {
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

  it('annotates a GitHub run, a line each', async () => {
    const lines = toGithubAnnotations(await report())
      .trimEnd()
      .split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain('::error title=a.bad%3A not so%3A a.bad holds::not met: <y>');
    expect(lines[0]).toContain('Mend it:%0A100 %25, at once.');
    expect(lines[1]).toMatch(/^::warning title=b\.odd/);
  });
});
