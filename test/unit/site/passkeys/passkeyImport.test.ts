import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BadLines, PasskeysRefused } from '../../../../src/site/passkeys/passkeyErrors.ts'
import {
  BATCH,
  type PasskeySource,
  readAllPasskeys,
  readPasskeys,
} from '../../../../src/site/passkeys/passkeyImport.ts'

type Read = (source: PasskeySource) => AsyncGenerator<readonly string[]>

async function all(source: PasskeySource, read: Read = readPasskeys): Promise<string[]> {
  const passkeys: string[] = []
  for await (const batch of read(source)) passkeys.push(...batch)
  return passkeys
}

/** A file of this text that arrives in pieces of so many bytes. */
function aFile(text: string, column?: string, pieceBytes = 7): PasskeySource {
  async function* chunks() {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
  }
  return { chunks: chunks(), name: 'users.txt', column }
}

async function badLines(source: PasskeySource): Promise<BadLines> {
  const error = await all(source).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof BadLines)) throw new Error('no BadLines', { cause: error })
  return error
}

const numbersOf = ({ lines }: BadLines) => lines.map(({ line }) => line)

describe('one passkey a line', () => {
  test('hex is lowercased, all else keeps its case', async () => {
    expect(await all(aFile('ABCDEF\nMixedCase_-1\n'))).toEqual(['abcdef', 'MixedCase_-1'])
  })

  test('byte order mark, CRLF, blanks around, blank lines, comments and a missing last line end are fine', async () => {
    expect(await all(aFile('\ufeffone\r\n\r\n  two \t\n# three\n   # four\nfive'))).toEqual([
      'one',
      'two',
      'five',
    ])
  })

  test('every bad line is named with file and line, and never shown', async () => {
    const error = await badLines(aFile('one\nsecret one\n\ntwo\nsecret,two\n'))
    expect(numbersOf(error)).toEqual([2, 5])
    expect(error.message).toMatch(
      /^2 bad lines; nothing was changed\nusers\.txt:2: .*\nusers\.txt:5: .*column/,
    )
    expect(error.message).not.toContain('secret')
  })

  test('of many bad lines the first twenty are named, the others counted', async () => {
    const error = await badLines(aFile('?\n'.repeat(50)))
    expect(numbersOf(error)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(error.message).toMatch(/^50 bad lines, 30 of them not shown/)
  })

  test('a line that goes on and on is one bad line, a long comment is a comment', async () => {
    const long = 'a'.repeat(300_000)
    expect(numbersOf(await badLines(aFile(`one\n${long}\ntwo\n`, undefined, 50_000)))).toEqual([2])
    expect(numbersOf(await badLines(aFile(`${' '.repeat(300_000)}one\n`, undefined, 50_000)))).toEqual([1])
    expect(await all(aFile(`#${long}\ntwo\n`, undefined, 50_000))).toEqual(['two'])
  })
})

describe('the column of a CSV file', () => {
  test('is found by its name, among quotes, line breaks within them, CRLF and a byte order mark', async () => {
    const text = '\ufeffid,"user ""name""",passkey\r\n1,"a, b",ABCD\r\n\r\n2,"c\r\nd","one"\r\n3,,two\r\n'
    expect(await all(aFile(text, 'passkey'))).toEqual(['abcd', 'one', 'two'])
    expect(await all(aFile('"user ""name""",x\none,1\n', 'user "name"'))).toEqual(['one'])
  })

  test('a record is named by the line it begins on', async () => {
    const text = 'id,passkey\n1,"one"\n"2\n\n",two\n3,a b\n4\n5,\n6,"x"y\n7,fine\n'
    expect(numbersOf(await badLines(aFile(text, 'passkey')))).toEqual([6, 7, 8, 9])
  })

  test('a quote that never closes is named where it opens', async () => {
    expect(numbersOf(await badLines(aFile('passkey,x\none,"a\ntwo,b\n', 'passkey')))).toEqual([2])
    const endless = `passkey,x\none,"a\n${'two,b\n'.repeat(20_000)}`
    expect(numbersOf(await badLines(aFile(endless, 'passkey', 65_536)))[0]).toBe(2)
  })

  test('that is not there is refused, without showing what is', async () => {
    const reading = all(aFile('secret1,secret2\n', 'passkey'))
    await expect(reading).rejects.toThrow(PasskeysRefused)
    await expect(reading).rejects.toThrow('the first line names 2 columns, none of them passkey')
    await expect(all(aFile('', 'passkey'))).rejects.toThrow(PasskeysRefused)
  })

  test('whatever the other cells hold and wherever the pieces end, the passkeys come out', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', ' ', ',', '"', '\n', '\r\n', 'é') })
    const passkey = fc.stringMatching(/^[a-z0-9_-]{1,40}$/)
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, passkey, cell)), fc.nat({ max: 40 }), async (rows, piece) => {
        const lines = rows.map(([a, b, c]) => `${quoted(a)},${b},${quoted(c)}\r\n`)
        const source = aFile(`a,b,c\r\n${lines.join('')}`, 'b', piece + 1)
        expect(await all(source)).toEqual(rows.map(([, each]) => each))
      }),
    )
  })
})

test('passkeys come in lists of a bounded size', async () => {
  const passkeys = Array.from({ length: 2 * BATCH + 1 }, (_, i) => `p${i}`)
  const sizes: number[] = []
  for await (const batch of readPasskeys({ passkeys })) sizes.push(batch.length)
  expect(sizes).toEqual([BATCH, BATCH, 1])
})

test('a passkey given as a text is not a line: a comment or two in one are bad', async () => {
  expect(numbersOf(await badLines({ passkeys: ['one', '# two', 'three\nfour', ''] }))).toEqual([2, 3, 4])
})

test('read as a whole, one bad line at the end lets nothing through', async () => {
  const passkeys = Array.from({ length: 3 * BATCH }, (_, i) => `p${i}`)
  expect(await all({ passkeys }, readAllPasskeys)).toEqual(passkeys)
  let received = 0
  const reading = async () => {
    for await (const batch of readAllPasskeys({ passkeys: [...passkeys, '?'] })) received += batch.length
  }
  await expect(reading()).rejects.toThrow(`passkeys:${3 * BATCH + 1}:`)
  expect(received).toBe(0)
})

test('a file that cannot be read is an error', async () => {
  await expect(all({ path: '/nowhere/users.txt' })).rejects.toThrow('ENOENT')
})
