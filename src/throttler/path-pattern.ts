/** Compiles a path in which `*` is one segment and `**` is any number of segments, also none. */
export function pathPattern(pattern: string): RegExp {
  const source = segmentsOf(pattern).map((segment) => {
    if (segment === '**') return '(?:/[^/]+)*';
    return `/${segment
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('[^/]*')}`;
  });
  return new RegExp(`^${source.join('')}$`, 'i');
}

/** Joins `users/` and `/:id` to `/users/:id`. */
export function joinPaths(...paths: readonly string[]): string {
  return `/${paths.flatMap(segmentsOf).join('/')}`;
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter(Boolean);
}
