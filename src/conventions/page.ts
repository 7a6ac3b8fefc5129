import { z } from 'zod';
import type { CursorCodec, CursorPosition } from './cursor.codec.js';

/** A part of a list. @publicApi */
export interface ListPage<T> {
  readonly items: readonly T[];
  /** Cursor of the page after this one; null on the last. */
  readonly next: string | null;
  /** Cursor of the page before this one; null on the first. */
  readonly prev: string | null;
}

/** One of the values that order a list. Together they must tell any two rows apart, and none may be null. @publicApi */
export interface KeysetColumn<T> {
  /** As SQL knows it in the query: `user.id`, or an expression. */
  readonly sql: string;
  /** The same value of a row that was read. */
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
  /** Name of the list; with filters, those too: a cursor of another filter is then refused. */
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
 * A page of a list, by the values of the row at which the page before ended. So rows that come or go meanwhile neither
 * shift pages nor show up twice.
 *
 * @param read rows beyond a position, or from the first one on, so many at most; back from it where its direction is
 *   `prev`, the nearest first
 * @param valuesOf values of a row that tell its place in the list
 * @throws ProblemException `CURSOR_INVALID`
 * @publicApi
 */
export async function pageOf<T>(
  { codec, list, limit, cursor }: PageOptions,
  valuesOf: (row: T) => CursorPosition['values'],
  read: (position: CursorPosition | undefined, limit: number) => Promise<readonly T[]>,
): Promise<ListPage<T>> {
  const position = cursor === undefined ? undefined : codec.decode(list, cursor);
  const isBack = position?.direction === 'prev';
  const found = await read(position, limit + 1);
  const hasMore = found.length > limit;
  const items = isBack ? found.slice(0, limit).toReversed() : found.slice(0, limit);
  const cursorAt = (row: T | undefined, direction: CursorPosition['direction']) =>
    row === undefined ? null : codec.encode(list, { direction, values: valuesOf(row) });
  return {
    items,
    next: isBack || hasMore ? cursorAt(items.at(-1), 'next') : null,
    prev: isBack ? (hasMore ? cursorAt(items[0], 'prev') : null) : position ? cursorAt(items[0], 'prev') : null,
  };
}

/**
 * {@link pageOf} what a query finds; a page deep in the list costs no more than the first, given an index on the columns.
 *
 * @param query without an order and a limit; it is changed
 * @throws ProblemException `CURSOR_INVALID`
 * @publicApi
 */
export function keysetPage<T>(query: KeysetQuery<T>, { columns, ...options }: KeysetOptions<T>): Promise<ListPage<T>> {
  const valuesOf = (row: T) => columns.map(({ value }) => value(row));
  return pageOf(options, valuesOf, (position, limit) => {
    const isBack = position?.direction === 'prev';
    if (position) query.andWhere(after(columns, isBack), parametersOf(position));
    for (const { sql, order = 'ASC' } of columns) query.addOrderBy(sql, isBack ? opposite(order) : order);
    query.limit(limit);
    return query.getMany();
  });
}

/** `limit` and `cursor` of a query: `@Query({ schema: pageQuery() })`. Other fields are added by `.extend()`. @publicApi */
export function pageQuery({ limit = 20, maximum = 100 } = {}) {
  return z.strictObject({
    limit: z.coerce.number().int().min(1).max(maximum).default(limit),
    cursor: z.string().min(1).max(2_048).optional(),
  });
}

/** `Link` of a page (RFC 8288), for the URL that it was asked for by; undefined where there is no other. @publicApi */
export function linksOf(url: string, { next, prev }: Pick<ListPage<unknown>, 'next' | 'prev'>): string | undefined {
  const [path = '', query = ''] = url.split('?', 2);
  const links = Object.entries({ next, prev }).flatMap(([relation, cursor]) => {
    if (cursor === null) return [];
    const parameters = new URLSearchParams(query);
    parameters.set('cursor', cursor);
    return [`<${path}?${parameters.toString()}>; rel="${relation}"`];
  });
  return links.length > 0 ? links.join(', ') : undefined;
}

/** Rows beyond the position: those of a greater first value, or of the same and a greater second, and so on. */
function after<T>(columns: readonly KeysetColumn<T>[], isBack: boolean): string {
  const alternatives = columns.map(({ sql, order = 'ASC' }, i) => {
    const same = columns.slice(0, i).map((column, j) => `${column.sql} = :keyset${j}`);
    const isUp = (order === 'ASC') !== isBack;
    return `(${[...same, `${sql} ${isUp ? '>' : '<'} :keyset${i}`].join(' AND ')})`;
  });
  return `(${alternatives.join(' OR ')})`;
}

function parametersOf({ values }: CursorPosition): Record<string, unknown> {
  return Object.fromEntries(values.map((value, i) => [`keyset${i}`, value]));
}

function opposite(order: 'ASC' | 'DESC'): 'ASC' | 'DESC' {
  return order === 'ASC' ? 'DESC' : 'ASC';
}
