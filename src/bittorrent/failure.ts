/**
 * Every text a client can be shown, as Chihaya words them where Chihaya has them. The texts are also the values of the
 * metric label `error`, so they are static.
 */
export const FAILURE_REASONS = {
  invalidQueryEscape: 'invalid query escape',
  invalidInfohash: 'provided invalid infohash',
  noInfohash: 'no info_hash parameter supplied',
  multipleInfohashes: 'multiple info_hash parameters supplied',
  unparsablePeerId: 'failed to parse parameter: peer_id',
  invalidPeerId: 'failed to provide valid peer_id',
  unparsableLeft: 'failed to parse parameter: left',
  unparsableDownloaded: 'failed to parse parameter: downloaded',
  unparsableUploaded: 'failed to parse parameter: uploaded',
  unparsableNumwant: 'failed to parse parameter: numwant',
  unparsablePort: 'failed to parse parameter: port',
  unparsableIp: 'failed to parse peer IP address',
  invalidPort: 'invalid port',
  invalidIp: 'invalid IP',
  missingPasskey: 'missing passkey',
  invalidPasskey: 'invalid passkey',
  unapprovedPasskey: 'unapproved passkey',
  unapprovedClient: 'unapproved client',
  unapprovedTorrent: 'unapproved torrent',
  missingJwt: 'unapproved request: missing jwt',
  invalidJwt: 'unapproved request: invalid jwt',
  peerLimitReached: 'peer limit reached',
  badConnectionId: 'bad connection ID',
  unknownAction: 'unknown action ID',
  malformedPacket: 'malformed packet',
  internal: 'internal server error',
  temporarilyUnavailable: 'tracker temporarily unavailable',
} as const

export type FailureCode = keyof typeof FAILURE_REASONS

/** Failures after which the client should come back soon: they carry `retry in` (BEP 31) and `interval`. */
export function isTemporary(code: FailureCode): boolean {
  return code === 'temporarilyUnavailable'
}

/** The tracker says no. Normal in daily running: counted by code, not logged. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: FailureCode

  constructor(code: FailureCode) {
    super(FAILURE_REASONS[code])
    this.code = code
  }
}
