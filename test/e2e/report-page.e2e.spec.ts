import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startChromium, violationsOf } from '../support/chromium.js';
import { onBothAdapters, TestApp } from '../support/harness.js';

/** A run takes seconds, and so does Chromium on a busy machine. */
const PATIENCE_MS = 120_000;

onBothAdapters('the page of the self-tests', (adapter) => {
  let app: TestApp;
  let browser: Browser;
  let page: Page;
  let token: string;
  const complaints: string[] = [];

  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter, THROTTLE_AUTH_LIMIT: '25' });
    token = (await app.register()).token;
    browser = await startChromium();
    page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    page.on('pageerror', (error) => void complaints.push(error.message));
    await page.goto(`${app.baseUrl}/production-test/report`);
  });
  afterAll(async () => {
    await browser.close();
    await app.stop();
  });

  it('loads only its own files, under a policy with a new nonce', async () => {
    const [one, two] = await Promise.all([app.get('/production-test/report'), app.get('/v1/production-test/report')]);
    const policy = String(one.headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'none';script-src 'nonce-[\w+/]{22}==';style-src 'nonce-[\w+/]{22}==';/);
    expect(policy).not.toContain('unsafe');
    expect(two.headers['content-security-policy']).not.toBe(policy);
    expect(one.headers['cache-control']).toBe('no-store');
    expect(one.text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });

  it('shows an error without a token', async () => {
    await page.getByRole('button', { name: 'Run all checks' }).click();
    await page.getByText('Send an access token').waitFor();
    expect(complaints.filter((text) => !text.includes('401'))).toEqual([]);
    complaints.length = 0;
  });

  it('works with the keyboard only, and shows progress, score, evidence and history', async () => {
    await page.getByLabel('Access token').focus();
    await page.keyboard.type(token);
    // Start to wait before the run: on a busy machine the run may end before the check.
    const progress = page.getByRole('progressbar').waitFor();
    await page.keyboard.press('Enter');
    await progress;
    await page.getByText(/^Done in /).waitFor();
    expect(await page.getByRole('status').textContent()).toMatch(
      /^Done in [\d.]+ s: 0 failed, \d+ warned, \d{2,} passed\.$/,
    );
    expect(Number(await page.locator('#score').textContent())).toBeGreaterThan(80);
    expect(await page.locator('#results details').count()).toBeGreaterThanOrEqual(80);
    expect(await page.locator('#results details.warn').first().getAttribute('open')).not.toBeNull();
    expect(await page.locator('#results details.pass').first().getAttribute('open')).toBeNull();
    await page.getByRole('row').nth(1).waitFor();
    expect(await page.getByRole('row').count()).toBe(2);
    expect(complaints).toEqual([]);
  });

  it('shows the worst results first', async () => {
    const worst = await page
      .locator('#results section')
      .evaluateAll((sections) => sections.map((section) => section.querySelector('details')?.dataset['status'] ?? ''));
    const ranks = worst.map((status) => ['fail', 'warn', 'pass', 'skip'].indexOf(status));
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    expect(await page.getByRole('heading', { name: /^versioning 1 of 1 passed$/ }).isVisible()).toBe(true);
  });

  it('shows a past run again', async () => {
    const cards = await page.locator('#results details').count();
    await page.getByRole('row').nth(1).getByRole('button').press('Enter');
    await page.getByText(/^The run of .*: 0 failed, \d+ warned/).waitFor();
    expect(await page.locator('#results details').count()).toBe(cards);
    await page.locator('#results:focus').waitFor();
  });

  it('filters the results', async () => {
    await page.getByLabel('passed').uncheck();
    expect(await page.locator('#results details.pass:visible').count()).toBe(0);
    expect(await page.locator('#results details.warn:visible').count()).toBeGreaterThan(0);
    await page.getByLabel('passed').check();
  });

  it.each([
    ['JSON', /^\{"id":"[\w-]{36}","status":"warn",.*"check":"audit\.chain"/s],
    ['JUnit XML', /^<\?xml .*<testsuites name="production-test".*<\/testsuites>\n$/s],
    ['SARIF', /^\{.*"version":"2\.1\.0".*\}$/s],
  ])('saves the report as %s', async (format, content) => {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: format, exact: true }).click();
    expect(readFileSync(await (await download).path(), 'utf8')).toMatch(content);
  });

  it.each(['light', 'dark'] as const)('is accessible in %s mode', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    expect(await violationsOf(page)).toEqual([]);
  });

  it('can be printed without the controls', async () => {
    await page.emulateMedia({ media: 'print' });
    expect(await page.getByRole('button', { name: 'Run all checks' }).isVisible()).toBe(false);
    expect(await page.locator('#results details').first().isVisible()).toBe(true);
    await page.emulateMedia({ media: 'screen' });
  });

  it('shows what looks like markup as text', async () => {
    await page.evaluate(() => {
      const { place } = globalThis as unknown as { place: (result: object) => void };
      const evidence = { seen: '<img src=x onerror=alert(1)>' };
      place({ check: 'x.y', title: '<b>bold</b>', status: 'fail', evidence, reference: '', durationMs: 1 });
    });
    expect(await page.locator('#results b, #results img').count()).toBe(0);
    expect(await page.getByText('<b>bold</b>').isVisible()).toBe(true);
  });
});
