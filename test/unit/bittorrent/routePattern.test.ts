import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileRoutes, isCovered } from '../../../src/bittorrent/routePattern.ts'

test.each([
  ['/announce', '/announce', {}],
  ['/announce', '/announce/', {}],
  ['/announce', '/announce//', {}],
  ['/announce/:passkey', '//Announce//aBc', { passkey: 'aBc' }],
  ['/Announce/:passkey', '/announce/aBc', { passkey: 'aBc' }],
  ['/:passkey/announce', '/aBc/ANNOUNCE', { passkey: 'aBc' }],
  ['/announce/', '/announce', {}],
  ['/announce', 'announce', undefined],
  ['/announce.php', '/announce.php', {}],
  ['/announce.php', '/announceXphp', undefined],
  ['/announce/:passkey', '/announce/abc', { passkey: 'abc' }],
  ['/announce/:passkey', '/announce/a%2fb', { passkey: 'a%2fb' }],
  ['/announce/:passkey', '/announce/a\nb', { passkey: 'a\nb' }],
  ['/announce/:passkey', '/announce/', undefined],
  ['/announce/:passkey', '/announce/abc/', { passkey: 'abc' }],
  ['/announce/:passkey', '/announce/a/b', undefined],
  ['/:passkey/announce', '/abc/announce', { passkey: 'abc' }],
  ['/:site/:passkey', '/a/b', { site: 'a', passkey: 'b' }],
  ['/a/*rest', '/a/b/c', { rest: 'b/c' }],
  ['/a/*rest', '/a/b/', { rest: 'b' }],
  ['/a/*rest', '/a/', undefined],
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

test.each([
  ['/announce', '/announce', true],
  ['/announce/', '/announce', true],
  ['/announce/:a', '/announce/:b', true],
  ['/announce/x', '/announce/:a', true],
  ['/announce/:a', '/announce/x', false],
  ['/scrape/:a', '/:a/announce', false],
  ['/scrape', '/:a', true],
  ['/', '/:a', false],
  ['/a/b/c', '/a/*rest', true],
  ['/a/*rest', '/a/*other', true],
  ['/a/*rest', '/a/:b', false],
  ['/a', '/a/*rest', false],
  ['/a/b', '/a', false],
  ['/scrape', '/announce', false],
])('every path of %s is one of %s: %s', (route, by, expected) => {
  expect(isCovered(route, by)).toBe(expected)
})

test('a route is covered exactly when strange paths made of it, with a short and a long rest, fit the other', () => {
  const segment = fc.constantFrom(':a', ':b', 'x', 'y', '')
  const route = fc
    .tuple(fc.uniqueArray(segment, { minLength: 1, maxLength: 3 }), fc.constantFrom([], [], ['*rest']))
    .map(([segments, rest]) => `/${[...segments, ...rest].join('/')}`)
  fc.assert(
    fc.property(route, route, (narrow, wide) => {
      const paths = ['s', 's/t/r/a/n/g/e'].map((rest) =>
        narrow.replace(/:\w/g, 'strange').replace('*rest', rest),
      )
      const isEachOf = (route: string) => paths.every((path) => compileRoutes([route])(path) !== undefined)
      expect(isEachOf(narrow)).toBe(true)
      expect(isCovered(narrow, wide)).toBe(isEachOf(wide))
    }),
    { numRuns: 2000 },
  )
})
