import type { Infohash, IpAddress, Passkey, PeerId } from '../../../src/bittorrent/types.ts'
import { EXTRA_FIELDS } from '../../../src/contract/trafficEvent.ts'
import { createKeys } from '../../../src/redis/keys.ts'
import type { AnnouncePlan } from '../../../src/tracker/core/plan.ts'
import type { AnnounceScriptPolicy } from '../../../src/tracker/store/scripts/announceLayouts.ts'

/** Small numbers as ids, so that a failing case can be read. */
export const anInfohash = (n = 1) => n.toString(16).padStart(40, '0') as Infohash
export const aPeerId = (n = 1) => `2d545233303030${n.toString(16).padStart(26, '0')}` as PeerId
export const aPasskey = (n = 1) => n.toString(16).padStart(32, 'a') as Passkey

export const anIpv4 = (n = 1): IpAddress => ({
  family: 'IPv4',
  text: `198.51.100.${n}`,
  bytes: new Uint8Array([198, 51, 100, n]),
})

export const anIpv6 = (n = 1): IpAddress => ({
  family: 'IPv6',
  text: `2001:db8::${n.toString(16)}`,
  bytes: new Uint8Array([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n]),
})

/** A leecher's regular announce over IPv4 with traffic push on, unless told otherwise. */
export function aPlan(overrides: Partial<AnnouncePlan> = {}): AnnouncePlan {
  return {
    infohash: anInfohash(),
    peerId: aPeerId(),
    event: 'none',
    port: 6881,
    address: anIpv4(),
    otherAddress: undefined,
    uploadedBytes: 0,
    downloadedBytes: 0,
    leftBytes: 1000,
    passkey: aPasskey(),
    approval: 'none',
    numwant: 50,
    wantedFamily: undefined,
    intervalSeconds: 1800,
    minIntervalSeconds: 900,
    checksTorrent: false,
    peerLimit: undefined,
    earlySeconds: 0,
    traffic: { agent: 'TR3000' },
    siteFields: [],
    ...overrides,
  }
}

export function aPolicy(overrides: Partial<AnnounceScriptPolicy> = {}): AnnounceScriptPolicy {
  return {
    peerLifetimeSeconds: 1860,
    accountingTtlSeconds: 604_800,
    counterReset: 'per_counter',
    skipsIdle: false,
    extraFields: EXTRA_FIELDS,
    expireLimit: 50,
    maxLen: 0,
    ...overrides,
  }
}

export const keysUnder = (keyPrefix: string) =>
  createKeys({ keyPrefix, passkeysKey: 'pt:passkeys', trafficKey: 'tracker:traffic' })

/** Fields of an entry of the traffic stream, as the tracker writes them; undefined leaves one out. */
export function someFields(overrides: Readonly<Record<string, string | number | undefined>> = {}): string[] {
  const fields = {
    passkey: aPasskey(),
    infohash: anInfohash(),
    peer_id: aPeerId(),
    port: 6881,
    ip: '198.51.100.1',
    af: 'IPv4',
    du: 0,
    dd: 0,
    left: 0,
    event: 'none',
    ts: 1_800_000_000,
    dt: 1800,
    interval: 1800,
    min_interval: 900,
    ...overrides,
  }
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]))
}
