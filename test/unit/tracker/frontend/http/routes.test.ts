import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { honoRoute } from '../../../../../src/tracker/frontend/http/routes.ts'

async function match(route: string, path: string): Promise<unknown> {
  const app = new Hono().get(honoRoute(route), (c) => c.json(c.req.param()))
  const response = await app.request(`http://tracker${path}`)
  return response.status === 404 ? undefined : response.json()
}

test.each([
  ['/announce', '/announce', {}],
  ['/announce', '/announce/', undefined],
  ['/announce.php', '/announce.php', {}],
  ['/announce.php', '/announceXphp', undefined],
  ['/announce/:passkey', '/announce/abc', { passkey: 'abc' }],
  ['/announce/:passkey', '/announce/', undefined],
  ['/announce/:passkey', '/announce/a/b', undefined],
  ['/:passkey/announce', '/abc/announce', { passkey: 'abc' }],
  ['/a/*rest', '/a/b/c', { rest: 'b/c' }],
  ['/a/*rest', '/a/', { rest: '' }],
  ['/*rest', '/any/thing', { rest: 'any/thing' }],
])('%s on %s', async (route, path, params) => {
  expect(await match(route, path)).toEqual(params)
})

test.each(['announce', '', '/a/*', '/a/:', '/*rest/announce', '/:p/:p', '/a{b}', '/a?', '/x:name', '/a%20b'])(
  '"%s" is no route',
  (route) => {
    expect(() => honoRoute(route)).toThrow(RangeError)
    expect(() => honoRoute(route)).toThrow(`"${route}"`)
  },
)
