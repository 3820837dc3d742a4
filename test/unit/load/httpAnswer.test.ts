import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HttpAnswerError, HttpAnswerReader } from '../../../src/load/httpAnswer.ts'

const BODY = 'd8:intervali1800ee'
const PLAIN = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`
const CHUNKED = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n${BODY.slice(0, 5)}\r\nd\r\n${BODY.slice(5)}\r\n0\r\n\r\n`

/** What comes of the bytes when they arrive in these pieces. */
function read(text: string, cuts: readonly number[] = []) {
  const reader = new HttpAnswerReader()
  const bytes = Buffer.from(text, 'latin1')
  const ends = [...cuts.map((cut) => cut % bytes.length), bytes.length].sort((a, b) => a - b)
  let start = 0
  for (const end of ends) {
    if (end === start) continue
    const answer = reader.push(bytes.subarray(start, end))
    if (answer) return { ...answer, body: answer.body.toString('latin1') }
    start = end
  }
  const answer = reader.end()
  return answer && { ...answer, body: answer.body.toString('latin1') }
}

describe('an answer', () => {
  test.each([
    ['with a length', PLAIN],
    ['in chunks', CHUNKED],
  ])('%s is the same in whatever pieces it comes', (_, text) => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { maxLength: 8 }), (cuts) => {
        expect(read(text, cuts)).toEqual({ status: 200, body: BODY, bytes: text.length, keepsAlive: true })
      }),
    )
  })

  test('without a length ends with the connection', () => {
    expect(read(`HTTP/1.0 200 OK\r\n\r\n${BODY}`, [20])).toMatchObject({ body: BODY, keepsAlive: false })
  })

  test('with a length that the connection did not live to see is none', () => {
    expect(read(PLAIN.slice(0, -1))).toBeUndefined()
  })

  test.each([
    ['HTTP/1.1 200 OK\r\nConnection: close', false],
    ['HTTP/1.1 200 OK\r\nconnection: Keep-Alive', true],
    ['HTTP/1.0 200 OK', false],
    ['HTTP/1.0 200 OK\r\nConnection: keep-alive', true],
  ])('%j says whether the connection lives on: %s', (head, keepsAlive) => {
    expect(read(`${head}\r\nContent-Length: 0\r\n\r\n`)).toMatchObject({ keepsAlive, body: '' })
  })

  test('follows another one on the same connection', () => {
    const reader = new HttpAnswerReader()
    expect(reader.push(Buffer.from(PLAIN))?.status).toBe(200)
    expect(reader.push(Buffer.from('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n'))?.status).toBe(503)
  })

  test.each([
    ['other bytes', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['a head without end', 'x'.repeat(20_000)],
    ['a body without end', `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(2 ** 20 + 1)}`],
    ['broken chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
  ])('is not %s', (_, text) => {
    expect(() => read(text)).toThrow(HttpAnswerError)
  })
})
