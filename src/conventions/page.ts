import { z } from 'zod';
import type { CursorCodec, CursorPosition } from './cursor.codec.js';

/** A page of a list. @publicApi */
export interface ListPage<T> {
  readonly items: readonly T[];
  /** Cursor of the next page. Null on the last page. */
  readonly next: string | null;
  /** Cursor of the previous page. Null on the first page. */
  readonly prev: string | null;
}

/** A sort column of a list. All columns together must be unique for each row, and no value may be null. @publicApi */
export interface KeysetColumn<T> {
  /** The column in the query, such as `user.id`, or an SQL expression. */
  readonly sql: string;
  /** Returns the same value from a loaded row. */
  readonly value: (row: T) => string | number | boolean;
  /** @default 'ASC' */
  readonly order?: 'ASC' | 'DESC';
}

/** The parts of TypeORM's `SelectQueryBuilder` that are used here. @publicApi */
export interface KeysetQuery<T> {
  andWhere(condition: string, parameters: Record<string, unknown>): unknown;
  addOrderBy(sql: string, order: 'ASC' | 'DESC'): unknown;
  limit(limit: number): unknown;
  getMany(): Promise<T[]>;
}

/** @publicApi */
export interface PageOptions {
  readonly codec: CursorCodec;
  /** Name of the list, including its filters. A cursor of another list or filter is rejected. */
  readonly list: string;
  readonly limit: number;
  /** @default the first page */
  readonly cursor?: string;
}

/** @publicApi */
export interface KeysetOptions<T> extends PageOptions {
  readonly columns: readonly [KeysetColumn<T>, ...KeysetColumn<T>[]];
}

/**
 * Reads a page of a list by keyset pagination: the cursor holds the sort values of the last row of the page before. Rows
 * that are added or deleted in the meantime do not shift pages and do not appear twice.
 *
 * @param getValues returns the sort values of a row
 * @param read reads at most `limit` rows after the position, or from the start of the list without a position. For the
 *   direction `prev`, it reads the rows before the position, the nearest row first
 * @throws ProblemException `CURSOR_INVALID`
 * @publicApi
 */
export async function readPage<T>(
  { codec, list, limit, cursor }: PageOptions,
  getValues: (row: T) => CursorPosition['values'],
  read: (position: CursorPosition | undefined, limit: number) => Promise<readonly T[]>,
): Promise<ListPage<T>> {
  const position = cursor === undefined ? undefined : codec.decode(list, cursor);
  const isBackward = position?.direction === 'prev';
  const found = await read(position, limit + 1);
  const hasMore = found.length > limit;
  const items = isBackward ? found.slice(0, limit).toReversed() : found.slice(0, limit);
  const createCursor = (row: T | undefined, direction: CursorPosition['direction']) =>
    row === undefined ? null : codec.encode(list, { direction, values: getValues(row) });
  return {
    items,
    next: isBackward || hasMore ? createCursor(items.at(-1), 'next') : null,
    prev: isBackward
      ? hasMore
        ? createCursor(items[0], 'prev')
        : null
      : position
        ? createCursor(items[0], 'prev')
        : null,
  };
}

/**
 * Reads a page of a query's result, as {@link readPage}. With an index on the columns, the last page is as fast as the
 * first page.
 *
 * @param query a query without order and limit. It is modified
 * @throws ProblemException `CURSOR_INVALID`
 * @publicApi
 */
export function readKeysetPage<T>(
  query: KeysetQuery<T>,
  { columns, ...options }: KeysetOptions<T>,
): Promise<ListPage<T>> {
  const getValues = (row: T) => columns.map(({ value }) => value(row));
  return readPage(options, getValues, (position, limit) => {
    const isBackward = position?.direction === 'prev';
    if (position) query.andWhere(createKeysetCondition(columns, isBackward), createKeysetParameters(position));
    for (const { sql, order = 'ASC' } of columns) query.addOrderBy(sql, isBackward ? reverseOrder(order) : order);
    query.limit(limit);
    return query.getMany();
  });
}

/**
 * Creates a schema for the query parameters `limit` and `cursor`: `@Query({ schema: createPageQuerySchema() })`. Add other
 * fields by `.extend()`.
 *
 * @publicApi
 */
export function createPageQuerySchema({ defaultLimit = 20, maxLimit = 100 } = {}) {
  return z.strictObject({
    limit: z.coerce.number().int().min(1).max(maxLimit).default(defaultLimit),
    cursor: z.string().min(1).max(2_048).optional(),
  });
}

/** Creates the `Link` header of a page (RFC 8288) from the URL of the request. Undefined for a single page. @publicApi */
export function createPageLinks(
  url: string,
  { next, prev }: Pick<ListPage<unknown>, 'next' | 'prev'>,
): string | undefined {
  const [path = '', query = ''] = url.split('?', 2);
  const links = Object.entries({ next, prev }).flatMap(([relation, cursor]) => {
    if (cursor === null) return [];
    const parameters = new URLSearchParams(query);
    parameters.set('cursor', cursor);
    return [`<${path}?${parameters.toString()}>; rel="${relation}"`];
  });
  return links.length > 0 ? links.join(', ') : undefined;
}

/** Condition for the rows after the position: a greater first value, or the same first value and a greater second, and so on. */
function createKeysetCondition<T>(columns: readonly KeysetColumn<T>[], isBackward: boolean): string {
  const alternatives = columns.map(({ sql, order = 'ASC' }, i) => {
    const equal = columns.slice(0, i).map((column, j) => `${column.sql} = :keyset${j}`);
    const isAscending = (order === 'ASC') !== isBackward;
    return `(${[...equal, `${sql} ${isAscending ? '>' : '<'} :keyset${i}`].join(' AND ')})`;
  });
  return `(${alternatives.join(' OR ')})`;
}

function createKeysetParameters({ values }: CursorPosition): Record<string, unknown> {
  return Object.fromEntries(values.map((value, i) => [`keyset${i}`, value]));
}

function reverseOrder(order: 'ASC' | 'DESC'): 'ASC' | 'DESC' {
  return order === 'ASC' ? 'DESC' : 'ASC';
}
