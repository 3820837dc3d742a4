import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../../../../src/bittorrent/failure.ts'
import { compileRoutes } from '../../../../../src/bittorrent/routePattern.ts'
import { encodeUrlData, parseUrlData, readUrlData } from '../../../../../src/tracker/frontend/udp/urlData.ts'

const options = {
  matchRoute: compileRoutes(['/announce', '/announce/:passkey', '/:passkey/announce', '/announce.php']),
  passkeyParams: ['passkey', 'uk'],
}
const passkeyOf = (urlData: string) => parseUrlData(urlData, options).passkey
const refusal = (call: () => unknown) => {
  try {
    call()
  } catch (thrown) {
    if (thrown instanceof Refusal) return thrown.code
    throw thrown
  }
  return undefined
}
const part = (text: string) => [2, text.length, ...Buffer.from(text, 'latin1')]
const read = (...bytes: number[]) => readUrlData(Uint8Array.from(bytes))

test('a route may call the segment credential, as files of the Chihaya fork do', () => {
  const fork = { ...options, matchRoute: compileRoutes(['/announce/:credential']) }
  expect(parseUrlData('/announce/abc', fork).passkey).toBe('abc')
})

describe('options of BEP 41', () => {
  test('any URL survives, in as many parts as it takes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1000 }), (bytes) => {
        const text = Buffer.from(bytes).toString('latin1')
        expect(readUrlData(encodeUrlData(text))).toBe(text)
      }),
    )
  })

  test('parts are joined, nops passed over', () => {
    expect(read(1, ...part('/announce?pass'), 1, 1, ...part('key=abc'), 1)).toBe('/announce?passkey=abc')
    expect(read(...part(''), ...part('/a'))).toBe('/a')
  })

  test('nothing counts after the end of options', () => {
    expect(read(...part('/a'), 0, 77, 2, 200)).toBe('/a')
    expect(read(0)).toBe('')
  })

  test('an option that reaches beyond the packet is malformed', () => {
    expect(refusal(() => read(2))).toBe('malformedPacket')
    expect(refusal(() => read(2, 1))).toBe('malformedPacket')
    expect(refusal(() => read(2, 3, 65, 66))).toBe('malformedPacket')
    expect(read(2, 2, 65, 66)).toBe('AB')
  })

  test.each([3, 4, 255])('option %i is skipped by its length, before and after the URL', (option) => {
    expect(read(option, 2, 0, 2, ...part('/a'))).toBe('/a')
    expect(read(...part('/a'), option, 0, ...part('/b'), option, 1, 9)).toBe('/a/b')
    expect(refusal(() => read(option, 3, 1))).toBe('malformedPacket')
  })

  test('any bytes give text or a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const code = refusal(() => readUrlData(bytes))
        expect([undefined, 'malformedPacket']).toContain(code)
      }),
    )
  })
})

describe('the passkey of an announce URL', () => {
  test.each([
    ['/announce/abc', 'abc'],
    ['/abc/announce', 'abc'],
    ['/announce/abc?x=1', 'abc'],
    ['/announce/a%62c', 'abc'],
    ['/announce/%zz', '%zz'],
    ['/announce?passkey=abc', 'abc'],
    ['/announce.php?uk=abc', 'abc'],
    ['/announce?PassKey=a%62c', 'abc'],
    ['/announce?uk=second&passkey=first', 'first'],
    ['/announce/path?passkey=query', 'path'],
    ['?passkey=abc', 'abc'],
    ['/elsewhere?passkey=abc', 'abc'],
    ['/announce?passkey=', undefined],
    ['/announce', undefined],
    ['/elsewhere', undefined],
    ['', undefined],
  ])('%s', (urlData, passkey) => {
    expect(passkeyOf(urlData)).toBe(passkey)
  })

  test('a query that HTTP would refuse is refused in the same words', () => {
    expect(refusal(() => passkeyOf('/announce/abc?x=%zz'))).toBe('invalidQueryEscape')
    expect(refusal(() => passkeyOf('/announce/abc?info_hash=short'))).toBe('invalidInfohash')
    expect(passkeyOf(`/announce/abc?info_hash=${'x'.repeat(20)}`)).toBe('abc')
  })

  test('any URL gives a value or a refusal', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200, unit: 'binary-ascii' }), (text) => {
        const code = refusal(() => passkeyOf(`/announce?${text}`))
        expect([undefined, 'invalidQueryEscape', 'invalidInfohash']).toContain(code)
      }),
    )
  })
})
