import { JwtService } from '@nestjs/jwt';

export const JWT_SECRET = 'Zk3q9VxTz7RmW2yLcB8nHd5pJfGa4eUo6iKxSqYrTuQe1w0b';

const jwt = new JwtService({ secret: JWT_SECRET });

/** An access token of the client with this number, from 0 to 999. `servers/clients.ts` creates their accounts. */
export function token(client: number): string {
  const id = String(client).padStart(12, '0');
  return jwt.sign(
    {
      sub: `00000000-0000-4000-8000-${id}`,
      jti: `00000000-0000-4000-9000-${id}`,
      sid: `00000000-0000-4000-a000-${id}`,
      email: `user${client}@example.com`,
      roles: ['User'],
    },
    {
      header: { alg: 'HS256', typ: 'at+jwt' },
      issuer: 'nest-bulwark',
      audience: 'nest-bulwark',
      expiresIn: '1h',
    },
  );
}
