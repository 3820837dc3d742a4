import { parseAddress, withoutZone } from '../../../bittorrent/address.ts'
import { FAILURE_REASONS, type FailureCode, Refusal } from '../../../bittorrent/failure.ts'
import type { AddressFamily, IpAddress } from '../../../bittorrent/types.ts'
import { StoreUnavailable } from '../../../runtime/errors.ts'
import type { Tracker } from '../../core/tracker.ts'
import type { ConnectionIds } from './connectionId.ts'
import type { Observe, ReportFault, UdpAction } from './options.ts'
import { ACTION_OFFSET, ACTIONS, REQUEST_HEADER_BYTES, TRANSACTION_ID_OFFSET } from './packets.ts'
import { type ParseOptions, parseAnnounce, parseScrape } from './parse.ts'
import { isConnectRequest } from './requests.ts'
import {
  encodeAnnounceResponse,
  encodeConnectResponse,
  encodeErrorResponse,
  encodeScrapeResponse,
  errorBytes,
} from './responses.ts'

/** What a datagram gets in return; undefined is silence. */
export type Answer = Buffer | undefined

/**
 * Answers one datagram. Never throws and never rejects.
 *
 * @param from the sender's address, as the socket has it
 * @returns a promise only where the tracker had to be asked
 */
export type Handle = (datagram: Buffer, from: string) => Answer | Promise<Answer>

export interface HandlerOptions extends ParseOptions {
  readonly tracker: Tracker
  readonly connectionIds: ConnectionIds
  readonly observe: Observe | undefined
  readonly reportFault: ReportFault
}

/** Serves one packet whose sender is verified; what it throws becomes the answer. */
type Serve = (datagram: Buffer, source: IpAddress, trail: Trail) => Promise<Buffer>

/** What is learnt of a packet on its way and told to metrics at its end. */
interface Trail {
  readonly startedMs: number
  action: UdpAction
  family: AddressFamily | 'Unknown'
}

export function createHandler(options: HandlerOptions): Handle {
  const { tracker, connectionIds, observe, reportFault } = options

  const announce: Serve = async (datagram, source, trail) => {
    trail.action = 'announce'
    const request = parseAnnounce(datagram, source, options)
    trail.family = request.address.family
    return encodeAnnounceResponse(await tracker.announce(request), request)
  }
  const scrape: Serve = async (datagram, source, trail) => {
    trail.action = 'scrape'
    const request = parseScrape(datagram, source, options)
    trail.family = source.family
    const { files } = await tracker.scrape(request)
    return encodeScrapeResponse(datagram.readUInt32BE(TRANSACTION_ID_OFFSET), files)
  }
  const serveOf = new Map<number, Serve>([
    [ACTIONS.announce, announce],
    [ACTIONS.announceIpv6, announce],
    [ACTIONS.scrape, scrape],
  ])

  function finish(trail: Trail, error: string, answer: Answer): Answer {
    observe?.(trail.action, trail.family, error, trail.startedMs)
    return answer
  }

  function refuse(trail: Trail, datagram: Buffer, code: FailureCode, label: string = FAILURE_REASONS[code]) {
    const transactionId = datagram.readUInt32BE(TRANSACTION_ID_OFFSET)
    return finish(trail, label, encodeErrorResponse(transactionId, FAILURE_REASONS[code]))
  }

  /**
   * Anybody can write any source address on a datagram. An answer to one not verified is the smaller packet, and goes to
   * requests only: two trackers that answered each other's errors would never stop.
   */
  function refuseUnverified(trail: Trail, datagram: Buffer, isRequest: boolean): Answer {
    const text = FAILURE_REASONS.badConnectionId
    return isRequest && errorBytes(text) < datagram.length
      ? refuse(trail, datagram, 'badConnectionId')
      : finish(trail, text, undefined)
  }

  function connect(trail: Trail, datagram: Buffer, source: IpAddress): Answer {
    trail.action = 'connect'
    if (!isConnectRequest(datagram)) return finish(trail, FAILURE_REASONS.malformedPacket, undefined)
    trail.family = source.family
    const transactionId = datagram.readUInt32BE(TRANSACTION_ID_OFFSET)
    return finish(trail, '', encodeConnectResponse(transactionId, connectionIds.issue(source)))
  }

  async function ask(serve: Serve, trail: Trail, datagram: Buffer, source: IpAddress): Promise<Answer> {
    let answer: Buffer
    try {
      answer = await serve(datagram, source, trail)
    } catch (thrown) {
      if (thrown instanceof Refusal) return refuse(trail, datagram, thrown.code)
      reportFault(thrown, datagram.toString('hex', TRANSACTION_ID_OFFSET, TRANSACTION_ID_OFFSET + 4))
      if (thrown instanceof StoreUnavailable) return refuse(trail, datagram, 'temporarilyUnavailable')
      return refuse(trail, datagram, 'internal', 'internal error') // the label as Chihaya has it
    }
    return finish(trail, '', answer)
  }

  return function handle(datagram, from) {
    const trail: Trail = { startedMs: observe ? performance.now() : 0, action: '', family: 'Unknown' }
    const source = datagram.length < REQUEST_HEADER_BYTES ? undefined : parseAddress(withoutZone(from))
    if (!source) return finish(trail, FAILURE_REASONS.malformedPacket, undefined)
    const action = datagram.readUInt32BE(ACTION_OFFSET)
    if (action === ACTIONS.connect) return connect(trail, datagram, source)
    const serve = serveOf.get(action)
    if (!connectionIds.isValid(datagram, source))
      return refuseUnverified(trail, datagram, serve !== undefined)
    return serve ? ask(serve, trail, datagram, source) : refuse(trail, datagram, 'unknownAction')
  }
}
