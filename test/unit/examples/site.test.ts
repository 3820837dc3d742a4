import { describe, expect, test } from 'vitest'
import { missingPage, userPage, usersPage } from '../../../examples/site/pages.mjs'
import { bytes, duration, moment, ratio, speed } from '../../../examples/site/units.mjs'

describe('amounts as people read them', () => {
  test.each([
    [0n, '0 B'],
    [1023n, '1023 B'],
    [1024n, '1.00 KiB'],
    [1_048_575n, '1023.99 KiB'], // never rounded up to what is not there
    [734_003_200n, '700.00 MiB'],
    [2n ** 63n - 1n, '7.99 EiB'],
    [2n ** 73n, '8192.00 EiB'],
  ])('%d bytes are %s', (amount, text) => expect(bytes(amount)).toBe(text))

  test.each([
    [0n, 0n, '–'],
    [1n, 0n, '∞'],
    [0n, 1n, '0.000'],
    [2n, 3n, '0.666'],
    [2n ** 62n + 2n ** 52n, 2n ** 62n, '1.000'],
  ])('%d up and %d down are a ratio of %s', (up, down, text) => expect(ratio(up, down)).toBe(text))

  test.each([
    [0n, '0 s'],
    [59n, '59 s'],
    [60n, '1 min'],
    [3_661n, '1 h 1 min'],
    [90_061n, '1 d 1 h'],
    [86_460n, '1 d'], // the minute is cut
  ])('%d seconds are %s', (seconds, text) => expect(duration(seconds)).toBe(text))

  test('a speed and a moment', () => {
    expect(speed(1_536.9)).toBe('1.50 KiB/s')
    expect(moment(1_800_000_000)).toBe('2027-01-15 08:00:00')
  })
})

const HOSTILE = `"><img src=x onerror='alert(1)'>&`
const totals = {
  uploadedBytes: 3n,
  downloadedBytes: 2n,
  seedSeconds: 1n,
  leechSeconds: 0n,
  completed: 1,
  lastSeen: 1_800_000_000,
  heldUploadedBytes: 0n,
  heldDownloadedBytes: 0n,
}

describe('pages', () => {
  test('nothing that comes from outside is markup', async () => {
    const moved = { infohash: HOSTILE, uploadedBytes: 1n, downloadedBytes: 0n }
    const pages = [
      usersPage({ users: [{ name: HOSTILE, passkey: HOSTILE, totals }], trouble: HOSTILE }),
      missingPage(HOSTILE),
      userPage({
        user: { name: HOSTILE, passkey: HOSTILE },
        totals,
        torrents: [{ ...moved, seedSeconds: 0n, leftBytes: 0n, completedAt: undefined, lastSeen: 1 }],
        windows: [{ ...moved, startSeconds: 0, seconds: 1n, uploadRate: 1, downloadRate: undefined }],
        speed: undefined,
        credits: [{ ...moved, atSeconds: 1, event: HOSTILE, why: HOSTILE }],
        trouble: undefined,
      }),
    ]
    for (const page of pages) {
      const html = String(await page)
      expect(html).toContain('&quot;&gt;&lt;img')
      expect(html).not.toContain('<img')
      expect(html).not.toContain("onerror='")
    }
  })

  test('a user who has not announced yet has a page without numbers', async () => {
    const user = { name: 'carol', passkey: 'ca…' }
    const nothing = { torrents: [], windows: [], speed: undefined, credits: [] }
    const html = String(await userPage({ user, totals: undefined, ...nothing, trouble: undefined }))
    expect(html).toContain('Has not announced yet')
    expect(html).not.toContain('<data')
  })

  test('credit that is held is named, and only then', async () => {
    const user = { name: 'carol', passkey: 'ca…' }
    const nothing = { torrents: [], windows: [], speed: undefined, credits: [], trouble: undefined }
    const held = { ...totals, heldUploadedBytes: 5n }
    expect(String(await userPage({ user, totals: held, ...nothing }))).toContain(
      '<data value="5">5 B</data> up',
    )
    expect(String(await userPage({ user, totals, ...nothing }))).not.toContain('until staff decide')
  })

  test('when nothing is credited for the moment, the page says so', async () => {
    expect(String(await usersPage({ users: [], trouble: 'redis' }))).toContain(
      'not being credited right now: redis',
    )
    expect(String(await usersPage({ users: [], trouble: undefined }))).not.toContain('not being credited')
  })
})
