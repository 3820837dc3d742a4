import { expect, test } from 'vitest'
import { compileRoutes } from '../../../src/bittorrent/routePattern.ts'

test.each([
  ['/announce', '/announce', {}],
  ['/announce', '/announce/', undefined],
  ['/announce', 'announce', undefined],
  ['/announce.php', '/announce.php', {}],
  ['/announce.php', '/announceXphp', undefined],
  ['/announce/:passkey', '/announce/abc', { passkey: 'abc' }],
  ['/announce/:passkey', '/announce/a%2fb', { passkey: 'a%2fb' }],
  ['/announce/:passkey', '/announce/a\nb', { passkey: 'a\nb' }],
  ['/announce/:passkey', '/announce/', undefined],
  ['/announce/:passkey', '/announce/a/b', undefined],
  ['/:passkey/announce', '/abc/announce', { passkey: 'abc' }],
  ['/:site/:passkey', '/a/b', { site: 'a', passkey: 'b' }],
  ['/a/*rest', '/a/b/c', { rest: 'b/c' }],
  ['/a/*rest', '/a/', { rest: '' }],
  ['/a/*rest', '/a', undefined],
  ['/*rest', '/any/thing', { rest: 'any/thing' }],
  ['/', '/', {}],
])('%s on %s', (route, path, params) => {
  expect(compileRoutes([route])(path)).toEqual(params)
})

test('the first route that fits gives the parameters', () => {
  const match = compileRoutes(['/announce', '/announce/:first', '/:second/announce'])
  expect(match('/announce/announce')).toEqual({ first: 'announce' })
  expect(match('/x/announce')).toEqual({ second: 'x' })
  expect(match('/x/y')).toBeUndefined()
})

test.each(['announce', '', '/a/*', '/a/:', '/*rest/announce', '/:p/:p', '/a{b}', '/a?', '/x:name', '/a%20b'])(
  '"%s" is no route',
  (route) => {
    expect(() => compileRoutes([route])).toThrow(RangeError)
    expect(() => compileRoutes([route])).toThrow(`"${route}"`)
  },
)
