import { describe, expect, test } from 'vitest'
import { faultOf as httpFaultOf } from '../../../src/load/httpTransport.ts'
import { faultOf as udpFaultOf } from '../../../src/load/udpTransport.ts'
import { encodeErrorResponse } from '../../../src/tracker/frontend/udp/responses.ts'

const http = (body: string, status = 200) => httpFaultOf({ status, body: Buffer.from(body) })

describe('what is wrong with an answer over HTTP', () => {
  test('nothing, when it has peers', () => {
    expect(http('d8:completei1e10:incompletei0e8:intervali1800e5:peers0:e')).toBeUndefined()
  })

  test('its failure reason, wherever it stands', () => {
    const refused = (text: string) => ({ kind: 'refused', text, isAnswer: true })
    expect(http('d14:failure reason18:unapproved passkey8:intervali60ee')).toEqual(
      refused('unapproved passkey'),
    )
    expect(http('d1:ai1e14:failure reason2:noe')).toEqual(refused('no'))
  })

  test.each([['<html>'], [''], ['d8:intervali1800']])('that %j is no dictionary', (body) => {
    expect(http(body)).toMatchObject({ kind: 'error', text: 'answer that is not bencoded' })
  })

  test('its status', () => {
    expect(http('no server is available', 503)).toMatchObject({ kind: 'error', text: 'HTTP 503' })
  })
})

describe('what is wrong with an answer over UDP', () => {
  test('nothing, when it has counts', () => {
    expect(udpFaultOf(Buffer.concat([Buffer.from([0, 0, 0, 1]), Buffer.alloc(16)]))).toBeUndefined()
  })

  test('its error text', () => {
    expect(udpFaultOf(encodeErrorResponse(7, 'unapproved passkey'))).toEqual({
      kind: 'refused',
      text: 'unapproved passkey',
      isAnswer: true,
    })
  })

  test.each([
    ['an announce cut short', [0, 0, 0, 1, 0, 0, 0, 0, 9]],
    ['another action', [0, 0, 0, 2, 0, 0, 0, 0]],
  ])('that it is %s', (_, bytes) => {
    expect(udpFaultOf(Buffer.from(bytes))).toMatchObject({ kind: 'error', text: 'malformed answer' })
  })
})
