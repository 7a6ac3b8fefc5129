// The entries of the package (`src/*/index.ts`) export by name. A public name is tagged `@publicApi` where it is declared; a
// name for other folders of this project stands in an export that is tagged `@internal`, which the published types omit.
// `typesVersions` of package.json finds the types of each entry. No file that an application imports uses `import.meta`, which
// Jest cannot convert to CommonJS.
//
// usage: node check-exports.mjs [ROOT]
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

const root = process.argv[2] ?? '.';
const parsed = new Map();

function parse(file) {
  if (!parsed.has(file)) {
    parsed.set(file, ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true));
  }
  return parsed.get(file);
}

const hasTag = (node, name) => ts.getJSDocTags(node).some(({ tagName }) => tagName.text === name);

/** Whether a name of a file is tagged `@publicApi`. A class and an interface may share one name. */
function isPublic(file, wanted) {
  return parse(file).statements.some((statement) => {
    const names = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [statement];
    return names.some(({ name }) => name?.getText() === wanted) && hasTag(statement, 'publicApi');
  });
}

/** What is wrong with the exports of an entry. */
function problemsOf(entry) {
  const problems = [];
  for (const statement of parse(entry).statements) {
    if (!ts.isExportDeclaration(statement) || !statement.moduleSpecifier) continue;
    const specifier = statement.moduleSpecifier.text;
    if (!statement.exportClause) {
      problems.push(`${entry}: exports everything of ${specifier}. Export by name.`);
      continue;
    }
    // Other folders and packages decide on their own names.
    if (!specifier.startsWith('./') || hasTag(statement, 'internal')) continue;
    const file = join(dirname(entry), specifier.replace(/\.js$/, '.ts'));
    for (const { name, propertyName } of statement.exportClause.elements) {
      const declared = (propertyName ?? name).text;
      if (isPublic(file, declared)) continue;
      problems.push(
        `${entry}: ${declared} of ${file} is exported, but not tagged @publicApi. Tag the name or the export.`,
      );
    }
  }
  return problems;
}

/**
 * Exports whose types `typesVersions` does not find. The older module resolution of TypeScript does not read `exports`, so
 * package.json maps every entry to its types with one pattern.
 */
function problemsOfTypes(exports) {
  return Object.entries(exports)
    .filter(([name, path]) => name !== '.' && path.endsWith('.js') && path !== `./dist/${name.slice(2)}/index.js`)
    .map(([name, path]) => `package.json: "${name}" is ${path}, so typesVersions does not find its types.`);
}

/** Whether a node of the syntax tree or one of its descendants is `import.meta`. */
function hasImportMeta(node) {
  return ts.isMetaProperty(node) || ts.forEachChild(node, hasImportMeta) === true;
}

/** Files with `import.meta`, except programs and tests. */
function problemsOfModules() {
  return readdirSync(join(root, 'src'), { recursive: true })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts') && !file.startsWith('cli/'))
    .filter((file) => readFileSync(join(root, 'src', file), 'utf8').includes('import.meta'))
    .filter((file) => hasImportMeta(parse(join('src', file))))
    .map(
      (file) =>
        `src/${String(file)}: uses import.meta. Jest cannot convert it to CommonJS. Use packageRequire of src/common.`,
    );
}

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = Object.values(exports)
  .filter((path) => /^\.\/dist\/[^/]+\/index\.js$/.test(path))
  .map((path) => path.replace(/^\.\/dist/, 'src').replace(/js$/, 'ts'));
const problems = [...problemsOfTypes(exports), ...entries.flatMap(problemsOf), ...problemsOfModules()];
for (const problem of problems) console.error(problem);
console.log(`${entries.length} entries, ${problems.length} problems in their exports`);
if (problems.length > 0) process.exitCode = 1;
