import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'vitest'
import { type Reply, ReplyError, ReplyReader } from '../../../../src/site/traffic/replyReader.ts'

/** As Redis writes it. */
function encode(reply: Reply): Buffer {
  if (reply === null) return Buffer.from('$-1\r\n')
  if (typeof reply === 'number') return Buffer.from(`:${reply}\r\n`)
  if (reply instanceof ReplyError) return Buffer.from(`-${reply.message}\r\n`)
  if (Array.isArray(reply)) return Buffer.concat([Buffer.from(`*${reply.length}\r\n`), ...reply.map(encode)])
  const bytes = Buffer.from(reply)
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')])
}

const { reply } = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.maxSafeInteger(),
    fc.constant(null),
    fc.stringMatching(/^[A-Z]{2,8} [ -~]{0,30}$/).map((message) => new ReplyError(message)),
    fc.array(tie('reply'), { maxLength: 6 }),
  ),
}))

/** Everything a reader makes of the bytes when they come in pieces of these lengths, over and over. */
function read(bytes: Buffer, lengths: readonly number[]): Reply[] {
  const reader = new ReplyReader()
  const replies: Reply[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length]!
    replies.push(...reader.push(bytes.subarray(at, at + length)))
    at += length
  }
  return replies
}

test('what Redis writes is read as it was, in whatever pieces it comes', () => {
  fc.assert(
    fc.property(
      fc.array(reply, { minLength: 1, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }),
      (replies, lengths) => {
        assert.deepEqual(read(Buffer.concat(replies.map(encode)), lengths), replies)
      },
    ),
    { numRuns: 500 },
  )
})

test('a text far larger than a piece is put together once', () => {
  const text = 'x'.repeat(3_000_000)
  assert.deepEqual(read(encode([text, 'é', text]), [65_536]), [[text, 'é', text]])
})

test('a status is a text, and an empty or missing list is not the same', () => {
  assert.deepEqual(read(Buffer.from('+OK\r\n*0\r\n*-1\r\n$0\r\n\r\n'), [3]), ['OK', [], null, ''])
})

test('bytes that are not UTF-8 are read all the same, and what follows too', () => {
  const bytes = Buffer.concat([
    Buffer.from('*2\r\n$2\r\n'),
    Buffer.from([0xff, 0x00]),
    Buffer.from('\r\n:7\r\n'),
  ])
  assert.deepEqual(read(bytes, [1]), [['\uFFFD\0', 7]])
})

test('what is not the protocol is an error and not a guess', () => {
  assert.throws(() => read(Buffer.from('HTTP/1.1 400 Bad Request\r\n'), [100]), /not its protocol/)
})
