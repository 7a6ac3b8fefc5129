// Dependencies go one way: common ← config ← database, redis ← features ← production-test ← application.
const FOLDERS = {
  reports: [],
  doctor: ['reports'],
  common: [],
  config: ['common'],
  database: ['common'],
  redis: ['common'],
  shutdown: ['common'],
  management: ['common', 'security', 'shutdown'],
  security: ['common'],
  observability: ['common'],
  health: ['common'],
  authorization: ['common'],
  cache: ['common'],
  conventions: ['common'],
  idempotency: ['common', 'database'],
  users: ['common', 'database'],
  throttler: ['common', 'redis'],
  audit: ['common', 'database', 'redis'],
  auth: ['common', 'conventions', 'database', 'redis', 'authorization', 'users'],
  tenants: ['common', 'conventions', 'database', 'idempotency', 'authorization', 'users', 'auth'],
  'api-keys': ['common', 'database', 'authorization', 'users', 'auth'],
  'production-test': [
    'common',
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
  ],
};

const names = Object.keys(FOLDERS);

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
      from: { path: '^src/', pathNot: [`^src/${folder}/`, '\\.spec\\.ts$'] },
      to: { path: `^src/${folder}/`, pathNot: `^src/${folder}/index\\.ts$` },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
