import type { AnnounceRequest } from '../../../src/bittorrent/types.ts'
import { anInfohash, anIpv4, aPeerId } from './builders.ts'

export const POLICY = { intervalSeconds: 1800, minIntervalSeconds: 900, returnSelfIfAlone: true }

/** A leecher's regular announce over IPv4, unless told otherwise. */
export function aRequest(overrides: Partial<AnnounceRequest> = {}): AnnounceRequest {
  return {
    infohash: anInfohash(),
    peerId: aPeerId(),
    event: 'none',
    port: 6881,
    address: anIpv4(),
    otherAddress: undefined,
    uploadedBytes: 1,
    downloadedBytes: 2,
    leftBytes: 3,
    numwant: 50,
    wantedFamily: undefined,
    passkey: 'abc',
    userAgent: 'test/1',
    params: new Map(),
    ...overrides,
  }
}
