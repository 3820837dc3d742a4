import type {
  AddressFamily,
  AnnounceEvent,
  AnnounceRequest,
  Infohash,
  IpAddress,
  Passkey,
  PeerId,
} from '../../bittorrent/types.ts'

/** What the store does in one step for one announce. Hooks amend it before it is carried out. */
export interface AnnouncePlan {
  readonly infohash: Infohash
  readonly peerId: PeerId
  readonly event: AnnounceEvent
  readonly port: number
  readonly address: IpAddress
  readonly otherAddress: IpAddress | undefined
  readonly uploadedBytes: number
  readonly downloadedBytes: number
  readonly leftBytes: number
  /** Set by the passkey hook, or a well-formed passkey of an open tracker; it names the session. */
  passkey: Passkey | undefined
  /**
   * `none`: not checked. `whitelist`: the set and the fleet's cached verdicts decide. `endpoint`: the verdicts alone, for a
   * site without a set. `verified`: the site just said yes.
   */
  approval: 'none' | 'whitelist' | 'endpoint' | 'verified'
  numwant: number
  /** Peers of this family alone, for a client that can be told of no other; undefined: both. */
  readonly wantedFamily: AddressFamily | undefined
  intervalSeconds: number
  minIntervalSeconds: number
  /** Only a torrent on the site's list is served. */
  checksTorrent: boolean
  /** How many sessions the passkey may have in this swarm; undefined: any number. */
  peerLimit: PeerLimit | undefined
  /** An announce sooner than this after the session's last of its address family gets no peers; 0: none is too soon. */
  earlySeconds: number
  /** The traffic event to append, or undefined when no hook asked for one. */
  traffic: TrafficPlan | undefined
  /**
   * Names and values in turn, in UTF-8; the event ends with them. What the site says of this user and torrent in the
   * credential, and `paused` of a partial seed.
   */
  siteFields: readonly Buffer[]
}

/** Sessions at once, up to 65535; 0: any number. */
export interface PeerLimit {
  readonly leeching: number
  readonly seeding: number
}

export interface TrafficPlan {
  /** Client code of the peer id or User-Agent, at most 64 bytes; the event's `agent`. */
  readonly agent: string
}

export interface AnnouncePolicy {
  readonly intervalSeconds: number
  readonly minIntervalSeconds: number
  readonly returnSelfIfAlone: boolean
}

const NO_FIELDS: readonly Buffer[] = []

export function planAnnounce(request: AnnounceRequest, policy: AnnouncePolicy): AnnouncePlan {
  return {
    infohash: request.infohash,
    peerId: request.peerId,
    event: request.event,
    port: request.port,
    address: request.address,
    otherAddress: request.otherAddress,
    uploadedBytes: request.uploadedBytes,
    downloadedBytes: request.downloadedBytes,
    leftBytes: request.leftBytes,
    passkey: undefined,
    approval: 'none',
    numwant: request.event === 'stopped' ? 0 : request.numwant,
    wantedFamily: request.wantedFamily,
    intervalSeconds: policy.intervalSeconds,
    minIntervalSeconds: policy.minIntervalSeconds,
    checksTorrent: false,
    peerLimit: undefined,
    earlySeconds: 0,
    traffic: undefined,
    siteFields: NO_FIELDS,
  }
}
