// Tables of the documentation name the tests that prove them: every named test has to exist. docs/asvs.md has to name each
// requirement of levels 1 and 2 of OWASP ASVS 5.0.0 once, with its level.
//
// usage: node check-docs.mjs [ROOT]
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const root = process.argv[2] ?? '.';
/** A table that is formatted in another way would be read as an empty one. */
const MIN_NAMED_TESTS = { 'asvs.md': 100, 'security.md': 16 };

const read = (path) => readFileSync(join(root, path), 'utf8');
const specs = new Map(
  ['src', 'test', 'scripts']
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((path) => join(folder, path)))
    .filter((path) => path.endsWith('.spec.ts'))
    .map((path) => [basename(path), path]),
);

const problems = [];
for (const page of readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))) {
  const named = rowsOf(page).flatMap(namedTest);
  if (named.length < (MIN_NAMED_TESTS[page] ?? 0)) {
    problems.push(`docs/${page} names ${named.length} tests, and should name ${MIN_NAMED_TESTS[page]} or more`);
  }
  problems.push(...named.filter(({ file, title }) => !hasTest(file, title)).map((test) => missing(page, test)));
}
problems.push(...asvsProblems());

for (const problem of problems) console.error(problem);
console.log(`${specs.size} files of tests, ${problems.length} problems in the tables of the documentation`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** The cells of each row of the tables of a page. */
function rowsOf(page) {
  return read(`docs/${page}`)
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));
}

/** The test that a row names: a cell with a file, and the title in the next one. */
function namedTest(cells) {
  const index = cells.findIndex((cell) => /^[\w.-]+\.spec\.ts$/.test(cell));
  return index === -1 ? [] : [{ file: cells[index], title: cells[index + 1] }];
}

function hasTest(file, title) {
  const path = specs.get(file);
  if (path === undefined) return false;
  const source = read(path);
  return ["'", '`', '"'].some((quote) => source.includes(`${quote}${title}${quote},`));
}

function missing(page, { file, title }) {
  return `docs/${page}: ${specs.has(file) ? `${file} has no test "${title}"` : `there is no file of tests ${file}`}`;
}

function asvsProblems() {
  const levels = new Map(
    read('test/fixtures/asvs-5.0.0.txt')
      .split('\n')
      .filter((line) => /^\d/.test(line))
      .map((line) => line.split(' ')),
  );
  const rows = rowsOf('asvs.md').filter(([first]) => /^\d/.test(first));
  const met = rows.filter((cells) => cells.length === 5);
  const waived = rows.filter((cells) => cells.length === 2).flatMap(([numbers]) => numbers.split(', ').flatMap(span));
  const counts = new Map();
  for (const number of [...met.map(([number]) => number), ...waived]) {
    counts.set(number, (counts.get(number) ?? 0) + 1);
  }
  const wrongCounts = [...new Set([...levels.keys(), ...counts.keys()])]
    .filter((number) => counts.get(number) !== 1 || !levels.has(number))
    .map((number) =>
      levels.has(number)
        ? `docs/asvs.md names requirement ${number} ${counts.get(number) ?? 0} times, not once`
        : `docs/asvs.md names ${number}, which is no requirement of levels 1 and 2`,
    );
  const wrongLevels = met
    .filter(([number, level]) => levels.has(number) && levels.get(number) !== level)
    .map(([number, level]) => `docs/asvs.md gives ${number} level ${level}, not ${levels.get(number)}`);
  return [...wrongCounts, ...wrongLevels];
}

/** `1.4.1–1.4.3` as the three numbers that it stands for. */
function span(text) {
  const [first, last = first] = text.split('–');
  const [chapter, section, from] = first.split('.');
  const to = Number(last.split('.')[2]);
  return Array.from({ length: to - Number(from) + 1 }, (_, i) => `${chapter}.${section}.${Number(from) + i}`);
}
