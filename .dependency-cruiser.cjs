// What all modules build on. These folders may use each other's files; the rule against cycles holds between them too.
const BASE = ['common', 'context', 'problem', 'guards', 'ports', 'audit-vocabulary', 'validation'];

// Dependencies go one way: BASE ← config ← database, redis, invalidation, periodic-tasks ← features ← production-test ← application.
const FOLDERS = {
  reports: [],
  doctor: ['reports'],
  config: BASE,
  database: BASE,
  redis: BASE,
  invalidation: BASE,
  shutdown: BASE,
  management: [...BASE, 'security', 'shutdown'],
  security: [...BASE, 'config'],
  observability: BASE,
  health: BASE,
  'periodic-tasks': BASE,
  authorization: BASE,
  cache: [...BASE, 'redis', 'invalidation'],
  conventions: BASE,
  idempotency: [...BASE, 'database', 'periodic-tasks'],
  users: [...BASE, 'database'],
  throttler: [...BASE, 'redis'],
  audit: [...BASE, 'database', 'redis', 'periodic-tasks'],
  auth: [...BASE, 'conventions', 'database', 'redis', 'invalidation', 'authorization', 'users', 'periodic-tasks'],
  tenants: [...BASE, 'conventions', 'database', 'idempotency', 'authorization', 'users', 'auth'],
  'api-keys': [...BASE, 'database', 'authorization', 'users', 'auth', 'periodic-tasks'],
  testing: [...BASE, 'authorization', 'audit'],
  'production-test': [
    ...BASE,
    'config',
    'reports',
    'doctor',
    'database',
    'redis',
    'users',
    'auth',
    'audit',
    'throttler',
    'cache',
    'health',
    'security',
    'observability',
    'shutdown',
    'authorization',
  ],
  decorators: [
    ...BASE,
    'audit',
    'auth',
    'authorization',
    'conventions',
    'idempotency',
    'periodic-tasks',
    'security',
    'tenants',
  ],
};

for (const folder of BASE) FOLDERS[folder] = BASE.filter((other) => other !== folder);

const names = Object.keys(FOLDERS);

// Files that other folders may use beside the index, because the index loads packages that these files do not need.
const FURTHER_ENTRIES = {
  redis: ['circuit-breaker'],
  audit: ['actions', 'audit-record', 'audited.decorator', 'redaction'],
  auth: ['current-user.decorator', 'recent-authentication.guard'],
  security: ['accept-body', 'address.guard', 'body-limit', 'page', 'raw-body'],
  shutdown: ['exit'],
  tenants: ['current-tenant.decorator'],
};

/** The folders whose files may use any file of this folder. */
function insiders(folder) {
  return (BASE.includes(folder) ? BASE : [folder]).map((name) => `^src/${name}/`);
}

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(FOLDERS).map(([folder, allowed]) => ({
      name: `${folder}-depends-on-little`,
      comment: `src/${folder} may use ${allowed.join(', ') || 'no other folder'}`,
      severity: 'error',
      from: { path: `^src/${folder}/`, pathNot: '\\.spec\\.ts$' },
      to: { path: '^src/', pathNot: [folder, ...allowed].map((name) => `^src/${name}/`) },
    })),
    ...names.map((folder) => ({
      name: `${folder}-through-its-index`,
      comment: `src/${folder} is used through its index`,
      severity: 'error',
      from: { path: '^src/', pathNot: [...insiders(folder), '\\.spec\\.ts$'] },
      to: {
        path: `^src/${folder}/`,
        pathNot: ['index', ...(FURTHER_ENTRIES[folder] ?? [])].map((file) => `^src/${folder}/${file}\\.ts$`),
      },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
