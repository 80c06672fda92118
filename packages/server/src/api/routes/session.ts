/** Logins of pages: browsers keep the token in a cookie that no script can read. */

import { ProblemError } from '@weir/http/api';
import { z } from 'zod';
import { roles } from '../../auth/roles.js';
import { SESSION_COOKIE } from '../../auth/session-cookie.js';
import { type Route, route } from '../route.js';

/** Routes for logins. */
export function sessionRoutes(): Route[] {
  return [
    route({
      method: 'post',
      path: '/session',
      summary: 'Keeps the token of this request in a cookie.',
      role: 'read',
      answerType: 'application/json',
      handle: ({ request, principal: { name, role } }) =>
        Response.json({ name, role } satisfies z.output<typeof sessionJson>, {
          headers: { 'set-cookie': cookie(request) },
        }),
    }),
    route({
      method: 'delete',
      path: '/session',
      summary: 'Removes that cookie.',
      role: 'none',
      answerType: 'application/json',
      handle: ({ request }) =>
        new Response(null, { status: 204, headers: { 'set-cookie': cookieText(request, '', 0) } }),
    }),
  ];
}

const sessionJson = z.strictObject({ name: z.string(), role: z.enum(roles) });
/** Thirty days, seconds. */
const COOKIE_AGE = 30 * 86_400;

function cookie(request: Request): string {
  const token = /^Bearer +([\w-]+)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
  if (token === undefined) throw new ProblemError('login', 'send the header Authorization: Bearer TOKEN');
  return cookieText(request, token, COOKIE_AGE);
}

function cookieText(request: Request, value: string, age: number): string {
  const secure = new URL(request.url).protocol === 'https:' ? '; Secure' : '';
  return `${SESSION_COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${age}${secure}`;
}
