/** Table in which TypeORM keeps the names of migrations that have run. */
export const MIGRATIONS_TABLE = 'migrations';
