/** Compiles a path with `*` for one segment and `**` for any number of them, also none. */
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

/** `users/` and `/:id` make `/users/:id`. */
export function joinPaths(...paths: readonly string[]): string {
  return `/${paths.flatMap(segmentsOf).join('/')}`;
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter(Boolean);
}
