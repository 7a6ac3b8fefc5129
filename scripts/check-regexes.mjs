// Every regular expression of the source takes time linear in its input: a client who chooses the input must not be able
// to make one run for seconds (ReDoS). recheck searches for an attack, by analysis and by fuzzing.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { check } from 'recheck';
import ts from 'typescript';

/** Usually all of them take five seconds together; a machine under load takes longer for one. */
const TIMEOUT_MS = 60_000;
const LONGEST_ATTACK_MS = 250;

/** Literals, and what stands as plain text in `new RegExp()`. Others are made of parts that are checked by a test. */
function expressionsOf(file) {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found = [];
  const visit = (node) => {
    const [pattern, flags] = patternOf(node);
    if (pattern !== undefined) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      found.push({ where: `${file}:${line + 1}`, pattern, flags });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function patternOf(node) {
  if (ts.isRegularExpressionLiteral(node)) {
    const end = node.text.lastIndexOf('/');
    return [node.text.slice(1, end), node.text.slice(end + 1)];
  }
  const isConstructor =
    (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === 'RegExp';
  const [pattern, flags] = (isConstructor && node.arguments) || [];
  return pattern && ts.isStringLiteralLike(pattern)
    ? [pattern.text, flags && ts.isStringLiteral(flags) ? flags.text : '']
    : [];
}

const files = process.argv.length > 2 ? process.argv.slice(2) : sources();
const expressions = new Map();
for (const file of files) {
  for (const { where, pattern, flags } of expressionsOf(file)) {
    const key = `/${pattern}/${flags}`;
    expressions.set(key, { pattern, flags, where: [...(expressions.get(key)?.where ?? []), where] });
  }
}

let failures = 0;
for (const [text, { pattern, flags, where }] of expressions) {
  const result = await check(pattern, flags, { timeout: TIMEOUT_MS });
  if (result.status === 'safe' || isFalseAlarm(pattern, flags, result)) continue;
  failures++;
  const { status, complexity, attack, error } = result;
  const reason =
    status === 'vulnerable' ? `${complexity.summary}, by ${attack.pattern}` : `not decided: ${error?.kind}`;
  console.error(`${where.join(', ')}: ${text} is not linear (${reason})`);
}
console.log(`${expressions.size} regular expressions, ${failures} not linear`);
process.exitCode = failures === 0 ? 0 : 1;

function sources() {
  return readdirSync('src', { recursive: true })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
    .map((file) => join('src', file));
}

/**
 * What the analysis finds is so. What the fuzzer finds counts steps of an engine of its own, and is tried on the real
 * one: its attacks are some hundred kilobytes long, which take a linear expression a few milliseconds.
 */
function isFalseAlarm(pattern, flags, { status, checker, complexity, attack }) {
  if (status !== 'vulnerable' || checker !== 'fuzz' || complexity.type !== 'polynomial') return false;
  const began = performance.now();
  new RegExp(pattern, flags.replace('g', '')).test(attack.string);
  return performance.now() - began < LONGEST_ATTACK_MS;
}
