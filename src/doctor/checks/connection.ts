import type { ConnectionFacts } from '../facts.ts'
import { error, type Finding, ok } from '../finding.ts'

/** Reasons by what the client or the server said, each with what to do about it. */
const REASONS: readonly (readonly [RegExp, meaning: string, remedy: string])[] = [
  [
    /WRONGPASS|invalid username-password/i,
    'Redis does not know this user with this password.',
    'Compare redis_broker, or REDIS_URL, with the users of Redis (ACL LIST). redis://password@host is Chihaya’s form: the password of the user default.',
  ],
  [
    /NOAUTH/i,
    'Redis wants a password, and there is none.',
    'Put it into redis_broker, or into REDIS_URL: redis://user:password@host:6379/0. The file can take it from the environment.',
  ],
  [
    /ECONNREFUSED/,
    'Nothing listens there.',
    'Is the server running, is the port the right one, and does it listen on this address (bind)?',
  ],
  [
    /ENOTFOUND|EAI_AGAIN/,
    'The name leads nowhere.',
    'Is the host spelled right, and can this machine resolve it?',
  ],
  [
    /CERT|SIGNATURE|self.signed|altname/i,
    'The server’s certificate is not trusted, or is that of another name.',
    'Give the authority to Node by NODE_EXTRA_CA_CERTS=file.pem, and use the host name that is in the certificate.',
  ],
  [
    /ENOENT|EACCES/,
    'The socket is not there, or this user may not use it.',
    'Compare the path with unixsocket and unixsocketperm of Redis.',
  ],
  [
    /LOADING/,
    'Redis is still reading its data from disk.',
    'Wait, and ask again: redis-cli INFO persistence shows how far it is.',
  ],
  [
    /wrong version number|ECONNRESET|closed/i,
    'Something answers that is not what was asked for.',
    'rediss:// is for a port with TLS, redis:// for one without.',
  ],
]
const OTHERWISE = [
  'No announce can be served: clients read “tracker temporarily unavailable”.',
  'Can this machine reach that address (firewall, network policy)? redis-cli -u $REDIS_URL PING says more.',
] as const

/** Whether Redis can be talked to at all; without it there is nothing else to look at. */
export function checkConnection({ url, failure }: ConnectionFacts): Finding[] {
  if (failure === undefined) return [ok('connection', `connected to ${url}`)]
  const [, meaning, remedy] = REASONS.find(([pattern]) => pattern.test(failure)) ?? ['', ...OTHERWISE]
  return [error('connection', `${url}: ${failure}`, { meaning, remedy })]
}
