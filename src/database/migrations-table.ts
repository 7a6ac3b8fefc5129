/** Table in which TypeORM stores the names of completed migrations. */
export const MIGRATIONS_TABLE = 'migrations';
