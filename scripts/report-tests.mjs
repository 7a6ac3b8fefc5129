// Prints the result of a test run. Runs each test file that failed once more, alone: what passes then is printed as
// `flaky:` and does not fail the run.
//
// usage: node report-tests.mjs REPORT.json EXIT_CODE
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const [reportFile, exitCode] = process.argv.slice(2);
const report = JSON.parse(readFileSync(reportFile, 'utf8'));
const failedFiles = report.testResults.filter(({ status }) => status === 'failed').map(({ name }) => name);

let { numPassedTests: passed, numFailedTests: failed } = report;
// A file can fail without a failed test: in a hook, or when it is loaded.
failed = Math.max(failed, failedFiles.length);

for (const file of failedFiles) {
  const before = report.testResults.find(({ name }) => name === file).assertionResults;
  const again = runAlone(file);
  if (!again?.success) continue;
  const names = before.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
  console.log(`flaky: ${relative('.', file)}${names.map((name) => `\nflaky:   ${name}`).join('')}`);
  failed -= Math.max(1, names.length);
  passed += again.numPassedTests - before.filter(({ status }) => status === 'passed').length;
}

// Something else than a test failed, such as the coverage threshold.
const hasOtherFault = Number(exitCode) !== 0 && failedFiles.length === 0;
if (hasOtherFault) failed += 1;

console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

function runAlone(file) {
  const output = join(mkdtempSync(join(tmpdir(), 'rerun-')), 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`];
  console.log(`\n== once more, alone: ${relative('.', file)}`);
  const { status } = spawnSync('npx', ['vitest', 'run', file, ...reporters], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  try {
    const rerun = JSON.parse(readFileSync(output, 'utf8'));
    return status === 0 ? rerun : undefined;
  } catch {
    return undefined;
  }
}
